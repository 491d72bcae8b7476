"""Writing a finished model: genuine directories, float16 files that load as float32 by plain from_pretrained."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch

SHARD = "14MB"


def half(module: Any) -> Any:
    """A float16 copy on the CPU, in the ordinary memory format."""
    return copy.deepcopy(module).to("cpu", torch.float16).to(memory_format=torch.contiguous_format)


def normalize_configs(root: Path) -> None:
    """Set the dtype of all configs, and name no folder of whoever trained.

    transformers loads what a config's dtype says, diffusers float32: with a saved "float16" the first call would fail.
    """
    for file in root.rglob("config.json"):
        config = json.loads(file.read_text())
        for part in (config, *(v for v in config.values() if isinstance(v, dict))):
            if "dtype" in part:
                part["dtype"] = "float32"
            part.pop("_name_or_path", None)
        file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for file in root.rglob("*.safetensors"):
        file.chmod(0o644)  # transformers leaves them to their owner alone


def ship(module: Any, folder: Path) -> None:
    """Write a network in float16 files that are small enough to be sent, to start the next leg from."""
    folder.mkdir(parents=True, exist_ok=True)
    half(module).save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD)
    normalize_configs(folder)


def save_pipeline(pipeline: Any, root: Path) -> None:
    pipeline.save_pretrained(root, safe_serialization=True)
    normalize_configs(root)


def save_clip(model: Any, tokenizer: Any, mean: list[float], std: list[float], root: Path) -> None:
    """A CLIPModel directory, with the preparation its pictures need."""
    from transformers import CLIPImageProcessor

    side = model.config.vision_config.image_size
    model.save_pretrained(root, safe_serialization=True)
    tokenizer.save_pretrained(root)
    square = {"height": side, "width": side}
    CLIPImageProcessor(size={"shortest_edge": side}, crop_size=square, image_mean=mean, image_std=std).save_pretrained(root)
    normalize_configs(root)

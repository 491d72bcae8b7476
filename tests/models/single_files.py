"""Tiny random models of the released ones' levels and words, as directories and as single files."""

from __future__ import annotations

import importlib
import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch

from synoptic.models import single_file
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.network_classes import build_network
from tests.original_layout import whole_model, write

diffusers: Any = importlib.import_module("diffusers")
NETWORKS = {
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
    "text_encoder": "CLIPTextModel",
    "text_encoder_2": "CLIPTextModelWithProjection",
}
WIDTHS = {"sd1.5": 32, "sd2": 48, "sdxl": 80}  # of the words that a tiny network sees, by kind
SHIPPED = single_file.CONFIGS


def shipped(kind: str) -> dict[str, Any]:
    return json.loads((SHIPPED / f"{kind}.json").read_text())


def tiny_configs(kind: str) -> dict[str, Any]:
    """The released configs with few channels: the same levels, layers and words."""
    configs = shipped(kind)
    levels = len(configs["unet"]["block_out_channels"])
    configs["unet"] |= {
        "block_out_channels": [8, 16, 16, 16][:levels],
        "norm_num_groups": 4,
        "cross_attention_dim": WIDTHS[kind],
        "attention_head_dim": 8 if kind == "sd1.5" else [1, 2, 2, 2][:levels],
        "sample_size": 16,
    }
    if kind == "sdxl":
        configs["unet"] |= {"transformer_layers_per_block": [1, 1, 2], "addition_time_embed_dim": 8}
        configs["unet"]["projection_class_embeddings_input_dim"] = 48 + 6 * 8
    configs["vae"] |= {"block_out_channels": [8, 8, 16, 16], "norm_num_groups": 4, "sample_size": 128}
    for part, width in {"text_encoder": 48 if kind == "sd2" else 32, "text_encoder_2": 48}.items():
        if part in configs:
            sizes = {"hidden_size": width, "projection_dim": width, "intermediate_size": 64}
            configs[part] |= sizes | {"num_hidden_layers": 3, "num_attention_heads": 4}
    return configs


def pipeline(kind: str, configs: dict[str, Any], **scheduler: Any) -> Any:
    """diffusers' own pipeline of a kind, with random networks."""
    torch.manual_seed(0)
    parts: dict[str, Any] = {part: build_network(name, configs[part]) for part, name in NETWORKS.items() if part in configs}
    words = [part for part in ("tokenizer", "tokenizer_2") if part in configs]
    parts |= {part: deepcopy(released_words(configs[part]["pad_token"])) for part in words}  # that a pipeline may add to
    how = configs["scheduler"] | scheduler
    parts["scheduler"] = getattr(diffusers, how["_class_name"]).from_config(how)
    if kind == "sdxl":
        return diffusers.StableDiffusionXLPipeline(**parts, add_watermarker=False)
    more = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return diffusers.StableDiffusionPipeline(**parts, **more)


@cache
def released_words(pad_token: str) -> Any:
    """The tokenizer of the released models, whose words take longer to read than a tiny network to build."""
    return clip_tokenizer(pad_token)


@cache
def tiny_pipeline(kind: str) -> Any:
    """The one of the tiny configs, for tests that leave its networks as they are."""
    return pipeline(kind, tiny_configs(kind))


def use_tiny_configs(monkeypatch: Any, folder: Path) -> None:
    """Read tiny models' files as those of the released ones: the same code with other numbers."""
    folder.mkdir(exist_ok=True)
    for kind in WIDTHS:
        (folder / f"{kind}.json").write_text(json.dumps(tiny_configs(kind)))
    (by_first, by_second) = single_file.KINDS
    kinds = {by_first: {32: "sd1.5", 48: "sd2"}, by_second: {80: "sdxl"}}
    monkeypatch.setattr(single_file, "KINDS", kinds)
    monkeypatch.setattr(single_file, "CONFIGS", folder)
    monkeypatch.setattr(single_file, "SD2_PIXELS", {"epsilon": 16, "v_prediction": 16})


def tiny_file(kind: str, path: Path, **metadata: str) -> tuple[Any, Path]:
    """A tiny pipeline, and its weights in one file."""
    pipe = tiny_pipeline(kind)
    return pipe, write(whole_model(pipe, kind), path, **metadata)

"""How strongly a LoRA's layers count where no tensor says it: alpha, in the file's header as diffusers writes it, or beside
the file as peft does.

Imports nothing heavy.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

from synoptic.errors import InputError
from synoptic.models.config_checks import is_number
from synoptic.utils.json_objects import JsonObject

HEADER_KEY = "lora_adapter_metadata"  # diffusers' JSON: {"unet.lora_alpha": 8, …}
PEFT_FILE, PEFT_CONFIG = "adapter_model.safetensors", "adapter_config.json"


def config_beside(file: Path) -> Path | None:
    """Return peft's config of a file of peft's name; None without one."""
    beside = file.parent / PEFT_CONFIG
    return beside if file.name == PEFT_FILE and beside.is_file() else None


def read_configs(file: Path, header: Mapping[str, object], name: str) -> dict[str, JsonObject]:
    """Return peft's config of each component of a LoRA, "" for the only one; {} where there is none. Raises InputError."""
    about = header.get("__metadata__")
    written = about.get(HEADER_KEY) if isinstance(about, dict) else None
    beside = config_beside(file)
    try:
        if written:
            found = json.loads(written)
            parts = {key.partition(".")[0] for key in found}
            return {
                part: {key[len(part) + 1 :]: found[key] for key in found if key.startswith(f"{part}.")} for part in parts
            }
        return {"": dict(json.loads(beside.read_text("utf-8")))} if beside else {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise InputError(
            f"a LoRA's config must be a JSON object, that of {name} is none: copy it again", rule="lora-config"
        ) from None


def strength(config: Mapping[str, object], layer: str, rank: int, name: str) -> float:
    """Return alpha / r of a layer by peft's config (Kalajdzievski 2023: alpha / sqrt(r) with use_rslora); 1 without alpha.

    Raises InputError where alpha is no number, or layers are named by a regular expression.
    """
    by_layer = config.get("alpha_pattern") or {}
    alpha = config.get("lora_alpha")
    if isinstance(by_layer, dict) and not any(re.search(r"[^\w.-]", key) for key in by_layer):
        alpha = next((by_layer[key] for key in by_layer if f".{layer}".endswith(f".{key}")), alpha)
    else:
        alpha = by_layer
    if alpha is None:
        return 1.0
    if not is_number(alpha):
        raise InputError(
            f"a LoRA's alpha must be a number, for each layer by its name; the config of {name} has {str(alpha)[:60]!r}:"
            " correct it",
            rule="lora-config",
        )
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)

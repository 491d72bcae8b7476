"""The layers that a LoRA changes, as its file names them. Imports nothing heavy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from synoptic.errors import InputError
from synoptic.utils.json_objects import JsonObject

WRAPPERS = ("base_model.model.", "model.")  # what training scripts put around a network
PREFIXES = {  # of a layer's name -> the component that it belongs to
    "lora_unet_": "unet",
    "lora_te1_": "text_encoder",
    "lora_te2_": "text_encoder_2",
    "lora_te_": "text_encoder",
    "unet.": "unet",
    "transformer.": "transformer",
    "diffusion_model.": "unet",
    "text_encoder_2.": "text_encoder_2",
    "text_encoder.": "text_encoder",
}
ENDINGS = {  # of a tensor's name -> what it is
    r"[._]lora(_A|_down|\.down|_linear_layer\.down)(\.\w+)?\.weight$": "down",
    r"[._]lora(_B|_up|\.up|_linear_layer\.up)(\.\w+)?\.weight$": "up",
    r"\.alpha$": "alpha",
}


class Layer(NamedTuple):
    """The tensors' names of one layer's change: A (r, in), B (out, r), and alpha; without it `strength` is alpha / r.

    Of B's rows it has those from `rows`' first to its second, of as many equal parts as the third says.
    """

    down: str
    up: str
    alpha: str | None
    rows: tuple[int, int, int] = (0, 1, 1)
    strength: float = 1.0


def layers_of(keys: Iterable[str]) -> dict[str, dict[str, Layer]]:
    """Return {component: {normalized layer name: its tensors}} of a file's tensor names; those without A or B are not."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for key in keys:
        role = ending(key)[1]
        component, name = place_of(key)
        if role:
            found.setdefault((component, normalized(name)), {})[role] = key
    layers: dict[str, dict[str, Layer]] = {}
    for (component, name), tensors in found.items():
        if {"down", "up"} <= tensors.keys():
            layers.setdefault(component, {})[name] = Layer(tensors["down"], tensors["up"], tensors.get("alpha"))
    return layers


def place_of(key: str) -> tuple[str, str]:
    """Return the component that a tensor's layer belongs to, and the layer's name in it."""
    name = ending(key)[0]
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")
    return PREFIXES.get(prefix, "unet"), name.removeprefix(prefix)


def check_tensors(source: str, header: JsonObject, layers: Sequence[Layer]) -> None:
    """Raise InputError where a LoRA's file has a tensor that no layer's change uses, or matrices that do not fit."""
    used = {key for layer in layers for key in layer[:3]}
    if left := [key for key in header if key != "__metadata__" and key not in used]:
        raise InputError(
            f"a LoRA is of pairs A and B, and of their alphas; {source} has {len(left)} tensors that are none,"
            f" {left[0][:99]} the first, which would not count: use another",
            rule="lora-tensors",
        )
    for layer in layers:
        down, up = header[layer.down]["shape"], header[layer.up]["shape"]
        alpha = header[layer.alpha]["shape"] if layer.alpha else []
        if min(len(down), len(up)) < 2 or not 0 < down[0] == math.prod(up[1:]) or math.prod(alpha) != 1:
            raise InputError(
                f"a LoRA's A and B must have one rank, and alpha one number, those of {layer.down[:99]} in {source} are"
                f" {down}, {up} and {alpha or 'none'}: copy the file again",
                rule="lora-shape",
            )


def ending(key: str) -> tuple[str, str]:
    """Return a tensor's layer and what it is of it: down, up, alpha, or "" where it is none of a LoRA's."""
    for pattern, role in ENDINGS.items():
        if found := re.search(pattern, key):
            return key[: found.start()], role
    return key, ""


def normalized(name: str) -> str:
    """Return a layer's name as every script's comes out: dots as underscores, without what wraps it."""
    return name.replace(".processor", "").replace(".", "_").removeprefix("text_model_")

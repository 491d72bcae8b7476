"""A network of a single file: its tensors, renamed by diffusers' own conversion, in a network of its config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import torch
from diffusers.loaders.single_file_utils import (
    convert_controlnet_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors import safe_open
from torch import Tensor

from synoptic.models.network_classes import build_network, transformers_network
from synoptic.models.single_file import SingleFile

CONVERTERS: dict[str, Callable[..., dict[str, Tensor]]] = {
    "UNet2DConditionModel": convert_ldm_unet_checkpoint,
    "AutoencoderKL": convert_ldm_vae_checkpoint,
    "ControlNetModel": convert_controlnet_checkpoint,
    "ControlNetUnionModel": convert_controlnet_checkpoint,
}
OPEN_CLIP = ".model."  # ends the prefix of a text encoder with open_clip's names


def network_of_file(
    name: str, checkpoint: SingleFile, component: str, dtype: torch.dtype
) -> tuple[torch.nn.Module, Collection[str]]:
    """Return the network of class `name`, and the names of its tensors that the file lacks."""
    prefix, config = checkpoint.prefixes[component], checkpoint.configs[component]
    tensors = read_tensors(checkpoint.fetch(checkpoint.files)[0], prefix)
    with torch.device("meta"):
        module = build_network(name, config)
    if name in CONVERTERS:
        own = module.state_dict().keys()
        if not own <= tensors.keys():
            tensors = CONVERTERS[name](checkpoint=tensors, config=module.config)
        tensors = {key: value.to(dtype) for key, value in tensors.items() if key in own and value is not None}
        missing, _ = module.load_state_dict(tensors, strict=False, assign=True)
        return module.eval(), missing
    if prefix.endswith(OPEN_CLIP):
        tensors = convert_open_clip_checkpoint(module, tensors, prefix=prefix)
    else:
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return transformers_network(name, config, tensors, dtype)[:2]


def read_tensors(path: Path, prefix: str) -> Mapping[str, Tensor]:
    """Return the tensors of a file whose names begin with a prefix."""
    with safe_open(path, framework="pt") as f:
        return {key: f.get_tensor(key) for key in f.keys() if key.startswith(prefix)}  # noqa: SIM118, no dictionary

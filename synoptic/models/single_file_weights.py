"""A network of a single file: its tensors, renamed by diffusers' own conversion, in a network of its config."""

from __future__ import annotations

import re
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

from synoptic.errors import InputError
from synoptic.models.network_classes import build_network, transformers_network
from synoptic.models.single_file import SingleFile

CONVERTERS: dict[str, Callable[..., dict[str, Tensor]]] = {
    "UNet2DConditionModel": convert_ldm_unet_checkpoint,
    "AutoencoderKL": convert_ldm_vae_checkpoint,
    "ControlNetModel": convert_controlnet_checkpoint,
    "ControlNetUnionModel": convert_controlnet_checkpoint,
}
OPEN_CLIP = ".model."  # ends the prefix of a text encoder with open_clip's names


NOT_ITS_OWN = re.compile(  # begins the names of tensors beside a network's: of its training, or of the model it was in
    r"(loss|model_ema|model|first_stage_model|cond_stage_model|conditioner)\."
)


def network_of_file(
    name: str, checkpoint: SingleFile, component: str, dtype: torch.dtype
) -> tuple[torch.nn.Module, Collection[str], Collection[str]]:
    """Return the network of class `name`, the names of its tensors that the file lacks, and those left over.

    Raises InputError where those left over are of another network than what the file was taken for.
    """
    prefix, config = checkpoint.prefixes[component], checkpoint.configs[component]
    tensors = read_tensors(checkpoint.fetch(checkpoint.files)[0], prefix)
    with torch.device("meta"):
        module = build_network(name, config)
    if name in CONVERTERS:
        own, given = module.state_dict().keys(), {key.removeprefix(prefix): value for key, value in tensors.items()}
        is_renamed = len(own & given.keys()) > len(own) // 2  # names as diffusers', perhaps not all of them
        tensors = given if is_renamed else CONVERTERS[name](checkpoint=dict(tensors), config=module.config)
        tensors = {key: value for key, value in tensors.items() if key in own and value is not None}
        check_all_read(checkpoint, component, given, tensors)
        missing, _ = module.load_state_dict({key: value.to(dtype) for key, value in tensors.items()}, False, assign=True)
        return module.eval(), missing, ()
    if prefix.endswith(OPEN_CLIP):
        tensors = convert_open_clip_checkpoint(module, tensors, prefix=prefix)
    else:
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return transformers_network(name, config, tensors, dtype)


def check_all_read(checkpoint: SingleFile, component: str, given: Mapping[str, Tensor], read: Mapping[str, Tensor]) -> None:
    """Raise InputError where a network has tensors in the file that its renamed ones, `read`, do not stand on."""
    stored = {value.data_ptr() for value in read.values()}
    left = [key for key, value in given.items() if value.data_ptr() not in stored]
    if other := next((key for key in sorted(left) if not NOT_ITS_OWN.match(key)), None):
        whole = f"the {component} of {checkpoint.name}" if component else checkpoint.name
        raise InputError(
            f"every tensor of a network must have its place, {other} of {whole} has none: it is of another kind of network,"
            " take its directory in diffusers' format, whose config says which",
            rule="weights-surplus",
        )


def read_tensors(path: Path, prefix: str) -> Mapping[str, Tensor]:
    """Return the tensors of a file whose names begin with a prefix."""
    with safe_open(path, framework="pt") as f:
        return {key: f.get_tensor(key) for key in f.keys() if key.startswith(prefix)}  # noqa: SIM118, no dictionary

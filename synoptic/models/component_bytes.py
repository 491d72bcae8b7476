"""What a model's parts take of a device's memory: the precision and the bytes of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache

import torch
from torch import nn

from synoptic.models.checkpoint import Checkpoint
from synoptic.models.cost import DefaultDtype, count_parameters, saved_numbers
from synoptic.models.memory import LEAST_LATENTS, bytes_of_coding, coded_pixels
from synoptic.models.network_classes import build_network
from synoptic.models.placement import NF4_BITS, multiplies_in_fp8, quantize_network
from synoptic.models.vae_configs import kept_maps, vae_width
from synoptic.models.winograd import kernel_bytes, suitable_parts
from synoptic.utils.json_objects import JsonObject

SCALE_BYTES = 4  # of a row of weights in fp8


def component_dtype(checkpoint: Checkpoint, component: str, device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """Return what a part computes in: only the network itself in half precision on a CPU, a VAE as its config asks.

    The component "" is a VAE's own checkpoint.
    """
    if component in ("", "vae"):
        wide = device.type == "cpu" or checkpoint.config(component).get("force_upcast")
    else:
        wide = device.type == "cpu" and component != checkpoint.family.network
    return torch.promote_types(dtype, torch.float32) if wide else dtype


def component_bytes(
    checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, quantize: str = "none", vae: Checkpoint | None = None
) -> dict[str, int]:
    """Return the bytes of every part's weights, and of what is made of them, {component: bytes}; `vae` replaces its own."""
    found = {}
    for part in (part for part in checkpoint.components if part in checkpoint.family.weighted_components):
        source, folder = (vae, "") if part == "vae" and vae is not None else (checkpoint, part)
        if part == checkpoint.family.network and quantize != "none":
            found[part] = quantized_bytes(checkpoint, quantize, dtype)
        else:
            found[part] = count_parameters(source, folder) * component_dtype(source, folder, device, dtype).itemsize
    if checkpoint.family.network == "unet" and quantize == "none":
        found |= convolution_bytes(network_class(checkpoint), checkpoint.network_config, device, dtype)
    return found


def network_class(checkpoint: Checkpoint) -> str:
    """Return the class of a model's network."""
    return checkpoint.family.components[checkpoint.family.network]


def meta_network(name: str, config: Mapping[str, object], dtype: torch.dtype) -> nn.Module:
    """Return a network of diffusers' class `name` without numbers, from its config alone."""
    with torch.device("meta"), DefaultDtype(dtype):
        return build_network(name, dict(config))


def convolution_bytes(name: str, config: Mapping[str, object], device: torch.device, dtype: torch.dtype) -> dict[str, int]:
    """Return {"convolution kernels": bytes} that a U-Net or a ControlNet keeps for Winograd; {} where it does not."""
    if device.type != "cpu" or dtype != torch.float32:
        return {}
    kept = all_kernel_bytes(name, json.dumps(config), dtype)
    return {"convolution kernels": kept} if kept else {}


@cache
def all_kernel_bytes(name: str, config: str, dtype: torch.dtype) -> int:
    """Return the bytes of the kernels of a network, whose config is given as JSON; it is built once in a process."""
    return kernel_bytes(suitable_parts(meta_network(name, json.loads(config), dtype)).values())


def quantized_bytes(checkpoint: Checkpoint, quantize: str, dtype: torch.dtype) -> int:
    """Return the bytes of a model's network with its weights in fewer bits, from its config alone."""
    net = meta_network(network_class(checkpoint), checkpoint.network_config, dtype)
    whole = saved_numbers(net) * dtype.itemsize
    if quantize == "fp8":
        quantize_network(net, quantize, dtype)
        return whole - sum(p.numel() * (dtype.itemsize - p.itemsize) for p in net.parameters())
    if quantize == "fp8-compute":
        parts = (layer for name, layer in net.named_modules() if multiplies_in_fp8(layer, name))
        layers = [layer for layer in parts if isinstance(layer, nn.Linear)]
        return whole - sum((dtype.itemsize - 1) * layer.weight.numel() - SCALE_BYTES * len(layer.weight) for layer in layers)
    linears = sum(layer.weight.numel() for layer in net.modules() if isinstance(layer, nn.Linear))
    return whole - round(linears * (dtype.itemsize - (NF4_BITS / 8 if quantize == "nf4" else 1)))


def coding_bytes(
    checkpoint: Checkpoint,
    device: torch.device,
    dtype: torch.dtype,
    vae: Checkpoint | None = None,
    pixels: int = 0,
    free: int = sys.maxsize,
) -> int:
    """Return what the VAE takes while it codes `pixels` of pictures, one native picture at least; 0 where there is none.

    vae: another that is used in place of the model's own. free: bytes, for fewer of which it codes pieces of a picture.
    """
    if not checkpoint.has_latents:
        return 0
    config, itemsize = vae_numbers(checkpoint, device, dtype, vae)
    native, least = checkpoint.native_size**2, (LEAST_LATENTS * checkpoint.factor) ** 2
    width = vae_width(config)
    at_once = min(max(native, pixels), max(least, coded_pixels(width, itemsize, native, device, free)))
    return bytes_of_coding(at_once * width * itemsize, device)


def gradient_bytes(
    checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, vae: Checkpoint | None = None, pixels: int = 0
) -> int:
    """Return what the VAE's encoder keeps of `pixels` where gradients pass through it; 0 where there is none.

    vae: another that is used in place of the model's own. Of pictures in pieces as much is kept: they need all of them.
    """
    if not checkpoint.has_latents:
        return 0
    config, itemsize = vae_numbers(checkpoint, device, dtype, vae)
    return round(kept_maps(config) * pixels * vae_width(config) * itemsize)


def vae_numbers(
    checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, vae: Checkpoint | None
) -> tuple[JsonObject, int]:
    """Return the config of the VAE that is used, and the bytes of a number in it."""
    source, folder = (checkpoint, "vae") if vae is None else (vae, "")
    return source.config(folder), component_dtype(source, folder, device, dtype).itemsize

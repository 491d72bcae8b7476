"""load(name) -> Denoiser: the one door to every family. Safetensors only; no code from a checkpoint is ever run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch

from synoptic.check import BadInput
from synoptic.models import latent, pixel
from synoptic.models.base import Denoiser
from synoptic.models.device import choose_device, choose_dtype, keep_freed_memory
from synoptic.models.source import Source, resolve
from synoptic.schedule import schedule

BUILD: dict[str, Callable[..., Denoiser]] = {
    "StableDiffusionPipeline": latent.stable_diffusion,
    "StableDiffusionXLPipeline": latent.sdxl,
    "IFPipeline": pixel.deepfloyd,
}
DIFFUSERS = {  # where each class lives: its own module imports faster than the whole library
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
}


def load(name: str | Source = "bundled", *, device: str = "auto", dtype: str = "auto") -> Denoiser:
    """The model `name`: `bundled`, an alias (`sd1.5`, `sd2`, `sdxl`, `if`, …), a hub id or a diffusers directory.

    device: auto (CUDA, else MPS, else CPU) or any torch device; dtype: auto (float16 on a GPU, bfloat16 on a CPU that is
    fast at it, else float32) or one of float32, bfloat16, float16, float64. Raises BadInput as `resolve` does.
    """
    source = resolve(name) if isinstance(name, str) else name
    on = choose_device(device)
    kind = choose_dtype(dtype, on)
    if on.type == "cpu":
        keep_freed_memory()
    try:
        s = schedule(source.read("scheduler/scheduler_config.json"))
    except ValueError as e:
        raise BadInput(f"{source.name} has a scheduler that synoptic does not know: {e}") from None
    return BUILD[source.index["_class_name"]](lambda part: _part(source, part, on, kind), s, source.index)


def _part(source: Source, part: str, device: torch.device, dtype: torch.dtype) -> Any:
    """One component: always our own class, from safetensors only, with every tensor there."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # of reading weights into memory; downloads keep theirs
    name = source.family.parts[part]
    loader = getattr(importlib.import_module(DIFFUSERS.get(name, "transformers")), name).from_pretrained
    where: dict[str, Any] = {"subfolder": part}
    if part not in source.family.weights:
        return loader(source.root, **where)
    cpu = device.type == "cpu"  # where only the network itself is worth half precision
    if (part == "vae" and source.read("vae/config.json").get("force_upcast")) or (cpu and part != "unet"):
        dtype = torch.promote_types(dtype, torch.float32)
    where |= {"torch_dtype" if name in DIFFUSERS else "dtype": dtype}
    where |= {"use_safetensors": True, "variant": source.variant(part, half=dtype.itemsize == 2)}
    module, info = loader(source.root, **where, output_loading_info=True)
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])[0]
        raise BadInput(f"a weight file must be whole, {part} of {source.name} lacks {missing}: copy or download it again")
    return module.to(device)

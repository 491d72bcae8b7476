"""load(name) -> Denoiser, load_upscaler, load_control, load_text: the doors to every family.

Safetensors only; no code from a checkpoint is ever run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch

from synoptic.diffusion.equations import Schedule
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.errors import InputError
from synoptic.models import latent, pixel
from synoptic.models import upscaler as upscale
from synoptic.models.base import Denoiser
from synoptic.models.controlnet import ControlNet
from synoptic.models.device import choose_device, choose_dtype, keep_freed_memory
from synoptic.models.registry import TOWER, Source, resolve, resolve_control, resolve_upscaler
from synoptic.models.text import Text, clip, double_clip, t5
from synoptic.models.upscaler import Upscaler

BUILD: dict[str, Callable[..., latent.Latent | pixel.Pixel]] = {
    "StableDiffusionPipeline": latent.stable_diffusion,
    "StableDiffusionXLPipeline": latent.stable_diffusion,
    "IFPipeline": pixel.deepfloyd,
}
UPSCALE: dict[str, Callable[..., Upscaler]] = {
    "StableDiffusionUpscalePipeline": upscale.stable_diffusion,
    "IFSuperResolutionPipeline": upscale.deepfloyd,
}
TEXT: dict[str, Callable[..., Text]] = {
    "StableDiffusionPipeline": clip,
    "StableDiffusionXLPipeline": double_clip,
    "StableDiffusionUpscalePipeline": clip,
    "IFPipeline": t5,
    "IFSuperResolutionPipeline": t5,
}
DIFFUSERS = {  # where each class lives: its own module imports faster than the whole library
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
    "ControlNetModel": "diffusers.models.controlnets.controlnet",
}


def load(
    name: str | Source = "bundled",
    *,
    device: str = "auto",
    dtype: str = "auto",
    text: Text | None = None,
    compile: bool = False,
) -> Denoiser:
    """The model `name`: `bundled`, an alias (`sd1.5`, `sd2`, `sdxl`, `if`, …), a hub id or a diffusers directory.

    device: auto (CUDA, else MPS, else CPU) or any torch device; dtype: auto (float16 on a GPU, bfloat16 on a CPU that is
    fast at it, else float32) or one of float32, bfloat16, float16, float64. text: what embeds prompts in place of the
    model's own text tower, which is then not loaded: a file of embeddings, for example. compile: a minute at the first
    call of each batch size, which makes the others faster. Raises InputError as `resolve` does.
    """
    source = resolve(name) if isinstance(name, str) else name
    part = _parts(source, device, dtype)
    model = BUILD[_kind(source)](part, _schedule(source, "scheduler"), text or TEXT[_kind(source)](part, source))
    if compile:
        model.compile()
    return model


def load_upscaler(
    name: str | Source = "bundled-if-ii",
    *,
    device: str = "auto",
    dtype: str = "auto",
    text: Text | None = None,
) -> Upscaler:
    """The upscaler `name`: `bundled-if-ii`, an alias (`if-ii`, `if-ii-l`, `sd-x4`), a hub id or a diffusers directory.

    device, dtype and text: as `load`; text may be stage I's `embed`, for example, where both have the same tower. Raises
    InputError as `resolve_upscaler` does, and where there is neither text nor tower.
    """
    source = resolve_upscaler(name) if isinstance(name, str) else name
    if text is None and not source.parts.keys() >= set(TOWER):
        raise InputError(
            f"prompts need a text encoder, {source.name} has none of its own: give `text`, stage I's for example"
        )
    part = _parts(source, device, dtype)
    s, noising = (_schedule(source, scheduler) for scheduler in ("scheduler", source.family.noising or ""))
    return UPSCALE[_kind(source)](part, s, noising, source.index, text or TEXT[_kind(source)](part, source))


def load_control(
    name: str | Source, *, model: str | Source = "bundled", device: str = "auto", dtype: str = "auto"
) -> ControlNet:
    """The ControlNet `name`: `bundled-canny`, `bundled-scribble`, `bundled-depth`, a hub id or a directory.

    model: what it was made for; device and dtype: as `load`. Raises InputError as `resolve_control`.
    """
    if isinstance(name, str):
        name = resolve_control(name, resolve(model) if isinstance(model, str) else model)
    on = choose_device(device)
    return ControlNet(_network("ControlNetModel", name, "", on, choose_dtype(dtype, on)))


def load_text(source: Source, *, device: str = "auto", dtype: str = "auto") -> Text:
    """A model's text tower alone. device and dtype: as `load`."""
    return TEXT[_kind(source)](_parts(source, device, dtype), source)


def _kind(source: Source) -> str:
    return source.index["_class_name"]


def _schedule(source: Source, part: str) -> Schedule:
    try:
        return schedule_from_config(source.read(f"{part}/scheduler_config.json"))
    except ValueError as e:
        raise InputError(f"{source.name} has a {part} that synoptic does not know: {e}") from None


def _parts(source: Source, device: str, dtype: str) -> Callable[[str], Any]:
    """(name) -> the component of that name, on the device and in the dtype that were asked for."""
    on = choose_device(device)
    kind = choose_dtype(dtype, on)
    if on.type == "cpu":
        keep_freed_memory()
    return lambda part: _part(source, part, on, kind)


def _part(source: Source, part: str, device: torch.device, dtype: torch.dtype) -> Any:
    """One component: always our own class."""
    name = source.family.parts[part]
    if part not in source.family.weights:
        return _loader(name)(source.root, subfolder=part)
    cpu = device.type == "cpu"  # where only the network itself is worth half precision
    if (part == "vae" and source.read("vae/config.json").get("force_upcast")) or (cpu and part != "unet"):
        dtype = torch.promote_types(dtype, torch.float32)
    return _network(name, source, part, device, dtype)


def _network(name: str, source: Source, part: str, device: torch.device, dtype: torch.dtype) -> Any:
    """The network of class `name` in the model's folder `part`, from safetensors only, with every tensor there."""
    how: dict[str, Any] = {"torch_dtype" if name in DIFFUSERS else "dtype": dtype, "subfolder": part}
    how |= {"use_safetensors": True, "variant": source.variant(part, half=dtype.itemsize == 2)}
    module, info = _loader(name)(source.root, **how, output_loading_info=True)
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])[0]
        whole = f"{part} of {source.name}" if part else source.name
        raise InputError(f"a weight file must be whole, {whole} lacks {missing}: copy or download it again")
    return module.to(device)


def _loader(name: str) -> Any:
    from transformers.utils import logging

    logging.disable_progress_bar()  # of reading weights into memory; downloads keep theirs
    return getattr(importlib.import_module(DIFFUSERS.get(name, "transformers")), name).from_pretrained

"""load(name) -> Denoiser: the one door to every family. Safetensors only; no code from a checkpoint is ever run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch

from synoptic.check import BadInput
from synoptic.models import latent, pixel
from synoptic.models.base import Denoiser
from synoptic.models.source import Source, resolve
from synoptic.schedule import schedule

BUILD: dict[str, Callable[..., Denoiser]] = {
    "StableDiffusionPipeline": latent.stable_diffusion,
    "StableDiffusionXLPipeline": latent.sdxl,
    "IFPipeline": pixel.deepfloyd,
}
PARTS = {  # the classes that a model_index.json may name
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
    "CLIPTextModel": "transformers",
    "CLIPTextModelWithProjection": "transformers",
    "CLIPTokenizer": "transformers",
    "T5EncoderModel": "transformers",
    "T5Tokenizer": "transformers",
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}


def load(name: str | Source = "bundled", *, device: str = "auto", dtype: str = "auto") -> Denoiser:
    """The model `name`: `bundled`, an alias (`sd1.5`, `sd2`, `sdxl`, `if`, …), a hub id or a diffusers directory.

    device: auto (CUDA, else MPS, else CPU) or any torch device; dtype: auto (float16 on a GPU, bfloat16 on a CPU that is
    fast at it, else float32) or one of float32, bfloat16, float16, float64. Raises BadInput as `resolve` does.
    """
    source = resolve(name) if isinstance(name, str) else name
    on = choose_device(device)
    kind = choose_dtype(dtype, on)

    from transformers.utils import logging

    logging.disable_progress_bar()  # of reading weights into memory; downloads keep theirs

    def part(component: str) -> Any:
        cls = source.index[component][1]
        if cls not in PARTS:
            raise BadInput(f"{source.name} wants a {cls} as its {component}, which synoptic does not load")
        loader = getattr(importlib.import_module(PARTS[cls]), cls).from_pretrained
        where = {"subfolder": component, "local_files_only": source.local}
        if "Tokenizer" in cls:
            return loader(source.place, **where)
        precise = component == "vae" and (on.type == "cpu" or source.read("vae/config.json").get("force_upcast"))
        own = torch.promote_types(kind, torch.float32) if precise or (on.type == "cpu" and component != "unet") else kind
        where |= {"use_safetensors": True, "variant": source.variant(component, half=own.itemsize == 2)}
        return loader(source.place, **where, **{"torch_dtype" if "diffusers" in PARTS[cls] else "dtype": own}).to(on)

    return BUILD[source.index["_class_name"]](part, schedule(source.read("scheduler/scheduler_config.json")), source.index)


def choose_device(device: str) -> torch.device:
    """Raises BadInput where torch cannot use it."""
    if device == "auto":
        mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        why = str(e).splitlines()[0]
        raise BadInput(f"the device must be usable by torch, {device!r} is not ({why}): use --device auto or cpu") from None


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype != "auto":
        if dtype not in DTYPES:
            raise BadInput(f"dtype must be auto, {', '.join(DTYPES)}; {dtype!r} was given")
        return DTYPES[dtype]
    if device.type != "cpu":
        return torch.float16
    return torch.bfloat16 if cpu_is_fast_at_bf16() else torch.float32


def cpu_is_fast_at_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX); elsewhere it is slower than float32."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)

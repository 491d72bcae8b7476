"""The two contenders of a benchmark of wide pictures on the bundled model: diffusers' panorama pipeline, and ours."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from PIL.Image import Image

from synoptic.models.base import PretrainedModel
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.options.wide import WideOptions
from synoptic.pipelines.base import take_steps
from synoptic.pipelines.wide import WidePipeline

PROMPT = "a photo of snowy mountains at sunset"
WIDTH, STRIDE, STEPS, SCALE = 1536, 8, 25, 3.0
BATCHES, PROBE = (2, 4, 8, 16), 3
Sampler = Callable[[int], Image]  # steps -> the picture


class Contender(NamedTuple):
    """A library, its dtype, the windows that diffusers takes at once; `fast`: with our option of that name."""

    name: str
    dtype: str
    batch: int | None = None
    fast: bool = False

    def __str__(self) -> str:
        return f"{self.name}{' --fast' if self.fast else ''}\t{self.dtype}\t{self.batch or 'auto'}"


@cache
def pipeline(dtype: str) -> Any:
    """Load the panorama pipeline as its user does, and set the model's own window: its code has 64, and 8 for the factor."""
    kind: Any = importlib.import_module("diffusers").StableDiffusionPanoramaPipeline
    pipe = kind.from_pretrained(BUNDLED_DIR / "sd", dtype=getattr(torch, dtype), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    window, f, get_views = pipe.unet.config.sample_size, pipe.vae_scale_factor, pipe.get_views
    pipe.get_views = lambda h, w, circular_padding: get_views(h * 8 // f, w * 8 // f, window, STRIDE, circular_padding)
    return pipe


def diffusers_panorama(contender: Contender, width: int) -> Sampler:
    pipe = pipeline(contender.dtype)
    height = pipe.unet.config.sample_size * pipe.vae_scale_factor

    def generate(steps: int) -> Image:
        how = {"num_inference_steps": steps, "guidance_scale": SCALE, "view_batch_size": contender.batch}
        return pipe(PROMPT, height, width, **how, generator=torch.Generator().manual_seed(0)).images[0]

    return generate


@cache
def model(dtype: str) -> PretrainedModel:
    return load("bundled", device="cpu", dtype=dtype)


def ours(contender: Contender, width: int) -> Sampler:
    """Return the pipeline of `wide` with the options that it would have."""

    def generate(steps: int) -> Image:
        given = {"width": width, "fast": contender.fast, "steps": -(-steps // 2) if contender.fast else steps}
        asked = WideOptions.from_arguments(PROMPT, **given, stride=None if contender.fast else STRIDE)
        m = model(contender.dtype)
        pipeline = WidePipeline(m, asked.resolve(m.checkpoint))
        (output,) = take_steps(pipeline.steps(pipeline.options.items()))
        return output.image

    return generate


def time_all(
    contenders: Sequence[Contender], width: int = WIDTH, steps: int = STEPS, repeats: int = 1
) -> tuple[dict[Contender, float], dict[Contender, Image]]:
    """Return median seconds from prompt to picture, repeats interleaved, and the pictures; loaded and warm before."""
    samplers = {
        contender: (diffusers_panorama if contender.name == "diffusers" else ours)(contender, width)
        for contender in contenders
    }
    pictures = {contender: generate(1) for contender, generate in samplers.items()}
    seconds: dict[Contender, list[float]] = {contender: [] for contender in contenders}
    for _ in range(repeats):
        for contender, generate in samplers.items():
            begin = time.perf_counter()
            pictures[contender] = generate(steps)
            seconds[contender].append(time.perf_counter() - begin)
    return {contender: statistics.median(times) for contender, times in seconds.items()}, pictures


def fastest_batch(dtype: str, width: int = WIDTH) -> Contender:
    """Return diffusers at its best number of windows a batch, by a few steps of each."""
    seconds, _ = time_all([Contender("diffusers", dtype, batch) for batch in BATCHES], width, PROBE)
    return min(seconds, key=lambda contender: seconds[contender])

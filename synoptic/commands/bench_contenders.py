"""The two sides of a benchmark of wide pictures on the bundled model: diffusers' panorama pipeline, and ours."""

from __future__ import annotations

import importlib
import inspect
import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

PROMPT = "a photo of snowy mountains at sunset"
WIDTH, STRIDE, STEPS, SCALE = 768, 8, 25, 5.0
BATCHES, PROBE = (2, 4, 8, 16), 3
Painter = Callable[[int], "Image"]  # steps -> the picture


class Side(NamedTuple):
    """Who paints, in which dtype, the peer with how many windows at once; ours `fast`: with the option of that name."""

    name: str
    dtype: str
    batch: int | None = None
    fast: bool = False

    def __str__(self) -> str:
        return f"{self.name}{' --fast' if self.fast else ''}\t{self.dtype}\t{self.batch or 'auto'}"


@cache
def pipeline(dtype: str) -> Any:
    """The panorama pipeline as its user loads it, told the model's own window: its code takes 64, and 8 for the factor."""
    import torch

    from synoptic.models.registry import BUNDLED_DIR

    kind: Any = importlib.import_module("diffusers").StableDiffusionPanoramaPipeline
    pipe = kind.from_pretrained(BUNDLED_DIR / "sd", dtype=getattr(torch, dtype), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    window, f, get_views = pipe.unet.config.sample_size, pipe.vae_scale_factor, pipe.get_views
    pipe.get_views = lambda h, w, circular_padding: get_views(h * 8 // f, w * 8 // f, window, STRIDE, circular_padding)
    return pipe


def peer(side: Side, width: int) -> Painter:
    import torch

    pipe = pipeline(side.dtype)
    height = pipe.unet.config.sample_size * pipe.vae_scale_factor

    def paint(steps: int) -> Image:
        how = {"num_inference_steps": steps, "guidance_scale": SCALE, "view_batch_size": side.batch}
        return pipe(PROMPT, height, width, **how, generator=torch.Generator().manual_seed(0)).images[0]

    return paint


@cache
def model(dtype: str) -> Any:
    from synoptic.models.load import load

    return load("bundled", device="cpu", dtype=dtype)


def ours(side: Side, width: int) -> Painter:
    """As the recipe `wide` paints it, by the settings that it would have."""
    import torch

    from synoptic import io
    from synoptic.options.resolve import settle
    from synoptic.options.speed import fewer, settle_speed
    from synoptic.pipelines.wide import measure, wide
    from synoptic.pipelines.wide_canvas import Canvas

    defaults = {name: p.default for name, p in inspect.signature(wide).parameters.items()}
    given = defaults | {"prompt": PROMPT, "width": width, "stride": None if side.fast else STRIDE, "fast": side.fast}

    def paint(steps: int) -> Image:
        asked = given | {"steps": fewer(steps) if side.fast else steps}
        source, settings = settle(asked)
        settle_speed(source, settings, asked)
        measure(source, settings)
        f, m, rngs = source.factor, model(side.dtype), [torch.Generator().manual_seed(0)]
        canvas = Canvas(source, settings, (settings["height"] // f, width // f))
        *_, last = canvas.paint(m, [PROMPT], rngs, canvas.start(m, rngs))
        with torch.no_grad():
            return io.to_pil(canvas.decode(m, last.x))[0]

    return paint


def measured(
    sides: Sequence[Side], width: int = WIDTH, steps: int = STEPS, repeats: int = 1
) -> tuple[dict[Side, float], dict[Side, Image]]:
    """Median seconds of each side from prompt to picture, repeats interleaved, and its picture; loaded and warm before."""
    painters = {side: (peer if side.name == "diffusers" else ours)(side, width) for side in sides}
    pictures = {side: paint(1) for side, paint in painters.items()}
    seconds: dict[Side, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, paint in painters.items():
            begin = time.perf_counter()
            pictures[side] = paint(steps)
            seconds[side].append(time.perf_counter() - begin)
    return {side: statistics.median(times) for side, times in seconds.items()}, pictures


def fastest(dtype: str, width: int = WIDTH) -> Side:
    """The peer at its best number of windows a batch, by a few steps of each."""
    seconds, _ = measured([Side("diffusers", dtype, batch) for batch in BATCHES], width, PROBE)
    return min(seconds, key=lambda side: seconds[side])

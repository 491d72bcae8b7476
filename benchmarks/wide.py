"""A wide picture side by side with diffusers' panorama pipeline on the bundled model; prints a tab-separated table.

python benchmarks/wide.py            seconds from prompt to picture, loading excluded, median of interleaved repeats
python benchmarks/wide.py --memory   peak memory of each side, each in a process of its own
--quick: three steps instead of twenty-five
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from synoptic import images
from synoptic.diffusion import randn
from synoptic.guidance import cfg
from synoptic.models.device import choose_dtype
from synoptic.models.load import load
from synoptic.models.source import BUNDLED
from synoptic.synchronize import canonical
from synoptic.views.windows import Windows

PROMPT = "a photo of snowy mountains at sunset"
HEIGHT, WIDTH, STRIDE, STEPS, SCALE = 128, 768, 8, 25, 5.0
BATCHES, REPEATS, PROBE = (2, 4, 8, 16), 3, 3


class Side(NamedTuple):
    """Who paints, in which dtype, how many windows at once (None: chosen by itself)."""

    name: str
    dtype: str
    batch: int | None = None

    def __str__(self) -> str:
        return f"{self.name}\t{self.dtype}\t{self.batch or 'auto'}"


@cache
def diffusers(dtype: str) -> Callable[[int, int | None], Image.Image]:
    """The panorama pipeline as its user loads it, told the model's own window: its code takes 64, and 8 for the factor."""
    pipeline: Any = importlib.import_module("diffusers").StableDiffusionPanoramaPipeline
    pipe = pipeline.from_pretrained(BUNDLED / "sd", dtype=getattr(torch, dtype), local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    window, f, get_views = pipe.unet.config.sample_size, pipe.vae_scale_factor, pipe.get_views
    pipe.get_views = lambda h, w, circular_padding: get_views(h * 8 // f, w * 8 // f, window, STRIDE, circular_padding)

    def paint(steps: int, batch: int | None) -> Image.Image:
        how = {"num_inference_steps": steps, "guidance_scale": SCALE, "view_batch_size": batch}
        return pipe(PROMPT, HEIGHT, WIDTH, **how, generator=torch.Generator().manual_seed(0)).images[0]

    return paint


@cache
def synoptic(dtype: str) -> Callable[[int, int | None], Image.Image]:
    model = load("bundled", device="cpu", dtype=dtype)
    s, (C, h, w), f = model.schedule, model.shape, model.factor
    canvas = C, HEIGHT // f, WIDTH // f

    def paint(steps: int, batch: int | None) -> Image.Image:
        views = Windows(canvas, (h, w), (STRIDE, STRIDE))
        predict = cfg(model, [PROMPT], SCALE, rows=2 * batch if batch else None)
        z = randn(canvas, [torch.Generator().manual_seed(0)])
        for step in canonical(predict, s, views, z, steps=s.steps(steps)):
            z = step.x
        with torch.no_grad():
            return images.to_pil(model.decode(z))[0]

    return paint


def paint(side: Side, steps: int) -> Image.Image:
    return {"diffusers": diffusers, "synoptic": synoptic}[side.name](side.dtype)(steps, side.batch)


def measure(sides: Sequence[Side], steps: int) -> tuple[dict[Side, float], dict[Side, Image.Image]]:
    """Median seconds of each side, the repeats interleaved, and its picture. Painted once before, to load and to warm up."""
    pictures = {side: paint(side, 1) for side in sides}
    seconds: dict[Side, list[float]] = {side: [] for side in sides}
    for _ in range(REPEATS):
        for side in sides:
            begin = time.perf_counter()
            pictures[side] = paint(side, steps)
            seconds[side].append(time.perf_counter() - begin)
    return {side: statistics.median(times) for side, times in seconds.items()}, pictures


def fastest(dtype: str) -> Side:
    """The peer at its best number of windows a batch, by a few steps of each."""
    seconds, _ = measure([Side("diffusers", dtype, batch) for batch in BATCHES], PROBE)
    best = min(seconds, key=lambda side: seconds[side])
    print(f"# probe, {PROBE} steps: " + ", ".join(f"batch {s.batch} {t:.2f} s" for s, t in seconds.items()) + f" ({dtype})")
    return best


def compare(steps: int) -> None:
    """The table of seconds, and what the default dtype costs in quality."""
    default = dtype_name()
    plain, best = Side("diffusers", "float32", 1), fastest("float32")
    exact, ours = Side("synoptic", "float32"), Side("synoptic", default)
    half = fastest("bfloat16")
    sides = list(dict.fromkeys([plain, best, half, exact, ours]))
    peers, mine = [side for side in sides if side.name == "diffusers"], [side for side in sides if side.name == "synoptic"]
    seconds, pictures = measure(peers, steps)  # first: loading ours tells the process to keep freed memory, a help to both
    after, ours_pictures = measure([*mine, plain], steps)
    print(f"# {plain.name} {plain.dtype} batch {plain.batch} again, with memory kept: {after.pop(plain):.2f} s")
    seconds |= after
    pictures |= {side: ours_pictures[side] for side in mine}
    print("side\tdtype\tbatch\tseconds\ttimes as fast as plain\tas best float32\tas best bfloat16")
    for side, t in seconds.items():
        print(f"{side}\t{t:.2f}\t" + "\t".join(f"{seconds[peer] / t:.2f}" for peer in (plain, best, half)))

    from synoptic.evaluate.clip import Clip, clip_score

    judge = Clip("bundled", "cpu")
    gap = np.abs(np.asarray(pictures[exact], dtype=float) - np.asarray(pictures[ours], dtype=float))
    print(f"\n{default} against float32: pixels of 0 to 255 differ by {gap.max():.0f} at most, {gap.mean():.2f} on average")
    print(f"side\tdtype\tbatch\tCLIP score, {judge.name}")
    for side, picture in pictures.items():
        print(f"{side}\t{clip_score(judge, picture, PROMPT):.3f}")


def memory(steps: int) -> None:
    """Peak resident memory of the peer at its fastest setting and of ours, imports and weights included."""
    candidates, _ = measure([fastest("float32"), fastest("bfloat16")], PROBE)
    peer = min(candidates, key=lambda side: candidates[side])
    print("side\tdtype\tbatch\tpeak MB")
    for side in dict.fromkeys([peer, Side("synoptic", "float32"), Side("synoptic", dtype_name())]):
        alone = ["--one", side.name, side.dtype, str(side.batch or 0), "--steps", str(steps)]
        done = subprocess.run([sys.executable, __file__, *alone], check=True, capture_output=True, text=True)
        print(f"{side}\t{int(done.stdout.split()[-1]) / 1e6:.0f}")


def dtype_name() -> str:
    """What --dtype auto is on this machine's CPU."""
    return str(choose_dtype("auto", torch.device("cpu"))).removeprefix("torch.")


def peak_bytes() -> int:
    """Of this process. Linux's getrusage would count the parent's memory at the fork as well."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_const", dest="steps", const=3, default=STEPS, help="three steps")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of seconds")
    parser.add_argument("--steps", type=int, default=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, metavar=("SIDE", "DTYPE", "BATCH"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        name, dtype, batch = args.one
        paint(Side(name, dtype, int(batch) or None), args.steps)
        print(peak_bytes())
        return
    print(f'# "{PROMPT}", {HEIGHT}x{WIDTH}, stride {STRIDE} latents, {args.steps} steps, guidance {SCALE}')
    load_before = os.getloadavg()[0]
    (memory if args.memory else compare)(args.steps)
    busy = f"load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"# torch {torch.__version__}, {torch.get_num_threads()} threads on {os.cpu_count()} cores, {busy}")


if __name__ == "__main__":
    main()

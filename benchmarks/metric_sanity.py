"""Does each metric tell right from wrong? On pictures of the bundled model; prints a tab-separated table.

python benchmarks/metric_sanity.py [--out DIR] [--quick]: right and wrong as mean ± standard error, and the margin: how much
better the right one is, in standard errors of the difference.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

import synoptic
from synoptic.metrics.base import Metric
from synoptic.metrics.clip import Clip, clip_scores
from synoptic.metrics.coherence import coherence
from synoptic.metrics.concealment import alignment_and_concealment
from synoptic.metrics.fidelity import perceptual_distance, psnr, ssim
from synoptic.metrics.frechet import frechet_distance
from synoptic.metrics.retrieval import retrieval
from synoptic.metrics.saturation import saturation
from synoptic.metrics.seams import closing_seam, seam, seam_baseline

PROMPTS = [
    "a photo of snowy mountains at sunset",
    "an oil painting of an autumn forest",
    "a photo of desert dunes",
    "a watercolor painting of a lavender field",
    "a photo of a penguin in the snow",
    "an oil painting of a sailboat on the water",
    "a photo of the ocean at sunrise",
    "a pencil sketch of mountains",
    "a photo of a deer in the forest",
    "an oil painting of a castle at night",
]
NATIVE, FACTOR, WIDTH, STRIDE = 256, 8, 1024, 8
NOISE = 4, 12, 36  # standard deviations, of 255

Row = tuple[str, Metric, Metric, int]  # what is compared, right, wrong, and 1 where more is better, else -1


def plain_rows(clip_model: Clip, prompts: list[str], pictures: list[list[Image.Image]]) -> Iterator[Row]:
    """Native pictures, some of every prompt."""
    images, each = [image for some in pictures for image in some], len(pictures[0])
    own = [prompt for prompt in prompts for _ in range(each)]
    other = own[each:] + own[:each]
    yield "CLIP score: own, the next prompt", clip_scores(clip_model, images, own), clip_scores(clip_model, images, other), 1
    top = retrieval(clip_model, images, own), retrieval(clip_model, images, other)
    yield f"R-precision, {top[0].name}: own, the next prompt", *top, 1
    pairs = list(zip(prompts, prompts[1:] + prompts[:1], strict=True))
    firsts = [some[0] for some in pictures]
    both = alignment_and_concealment(clip_model, list(zip(firsts, firsts[1:] + firsts[:1], strict=True)), pairs)
    only = alignment_and_concealment(clip_model, [(image, image.rotate(180)) for image in firsts], pairs)
    for right, wrong in zip(both, only, strict=True):
        yield f"{right.name}: both prompts seen, the first only", right, wrong, 1
    measures: dict[str, tuple[Callable[[Image.Image, Image.Image], float], int]] = {
        "PSNR": (psnr, 1),
        "SSIM": (ssim, 1),
        "identity": (lambda a, b: perceptual_distance(clip_model, a, b), -1),
    }
    for name, (measure, sign) in measures.items():
        levels = [items(name, (measure(noisy(image, sigma), image) for image in firsts)) for sigma in NOISE]
        for k in range(len(NOISE) - 1):
            yield f"{name}: noise of {NOISE[k]}, {NOISE[k + 1]}", levels[k], levels[k + 1], sign
    grey = [image.convert("L").convert("RGB") for image in firsts]
    colors, none = (items("saturation", map(saturation, some)) for some in (firsts, grey))
    yield "saturation: as generated, in grayscale", colors, none, 1
    half, middle = each // 2, len(prompts) // 2
    one, two = ([x for some in pictures for x in some[part]] for part in (slice(0, half), slice(half, 2 * half)))
    near = frechet_distance(clip_model, one, two)
    one, two = ([x for some in pictures[k : k + middle] for x in some[: 2 * half]] for k in (0, middle))
    yield "Fréchet distance: halves of one prompt set, two sets", near, frechet_distance(clip_model, one, two), -1


def wide_rows(
    clip_model: Clip, wide: list[Image.Image], closed: list[Image.Image], tiles: list[Image.Image]
) -> Iterator[Row]:
    """Wide pictures: one of every prompt, one closed, one of tiles painted apart."""
    every, apart = range(FACTOR * STRIDE, WIDTH, FACTOR * STRIDE), range(NATIVE, WIDTH, NATIVE)
    tiled = items("seam", (seam(x, apart, FACTOR) for x in tiles))
    yield "seam: synchronized, tiles apart", items("seam", (seam(x, every, FACTOR) for x in wide)), tiled, -1
    inside = items("seam", (seam_baseline(x, apart, FACTOR) for x in tiles))
    yield "seam of tiles: inside (baseline), between", inside, tiled, -1
    met, unmet = (items("closing seam", (closing_seam(x, FACTOR) for x in some)) for some in (closed, wide))
    yield "closing seam: closed, open", met, unmet, -1
    patchworks = [beside(a, b) for a, b in zip(wide, wide[1:] + wide[:1], strict=True)]
    whole, patched = (items("coherence", (coherence(clip_model, x, NATIVE) for x in some)) for some in (wide, patchworks))
    yield "coherence: one picture, patchwork of two", whole, patched, -1


def items(name: str, values: Iterable[float]) -> Metric:
    return Metric(name, {str(k): value for k, value in enumerate(values)})


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    x = np.asarray(image) + np.random.default_rng(0).normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray(x.clip(0, 255).round().astype(np.uint8))


def beside(a: Image.Image, b: Image.Image) -> Image.Image:
    """The left half of one picture and the right half of another."""
    both = a.copy()
    both.paste(b.crop((b.width // 2, 0, b.width, b.height)), (b.width // 2, 0))
    return both


def line(row: Row) -> str:
    name, right, wrong, sign = row
    error = math.hypot(right.error or 0, wrong.error or 0)
    margin = sign * (right.mean - wrong.mean) / error if error else math.inf
    return "\t".join([name, *(f"{x.mean:.3f} ± {x.error or 0:.3f}" for x in (right, wrong)), f"{margin:.1f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="outputs/discrimination", help="folder for the pictures")
    parser.add_argument("--quick", action="store_true", help="four prompts, four pictures each, five steps: under a minute")
    args = parser.parse_args()

    prompts, count, steps = (PROMPTS[:4], 4, 5) if args.quick else (PROMPTS, 8, 16)
    out = f"{args.out}/{'quick' if args.quick else 'full'}"
    clip_model = Clip()
    plain = synoptic.run("generate", *prompts, model="bundled", count=count, steps=steps, out=f"{out}/plain").images
    wide, closed, tiles = (
        synoptic.run("wide", *prompts, width=WIDTH, steps=steps, out=f"{out}/{name}", **how).images
        for name, how in {
            "wide": {"stride": STRIDE},
            "closed": {"stride": STRIDE, "circular": True},
            "tiles": {"stride": NATIVE // FACTOR, "sync": "none"},
        }.items()
    )
    pictures = [plain[k : k + count] for k in range(0, len(plain), count)]
    print(
        f"# {len(prompts)} prompts, {count} plain and one wide picture of each, {steps} steps; CLIP model {clip_model.name}"
    )
    print("metric: right, wrong\tright\twrong\tmargin")
    for row in [*plain_rows(clip_model, prompts, pictures), *wide_rows(clip_model, wide, closed, tiles)]:
        print(line(row))


if __name__ == "__main__":
    main()

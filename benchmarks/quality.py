"""Are wide pictures as good as plain ones? Ten prompts on the bundled model; prints a tab-separated table.

python benchmarks/quality.py [--out DIR] [--count N]: plain pictures, wide ones, and tiles painted apart (the control).
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Sequence

from PIL import Image

import synoptic
from synoptic.metrics.clip import Clip
from synoptic.metrics.seams import seam
from synoptic.models.vocabulary import vocabulary
from synoptic.views.windows import window_starts

PROMPTS = [
    "a photo of snowy mountains at sunset",
    "an oil painting of an autumn forest",
    "a photo of desert dunes",
    "a photo of the ocean at sunrise",
    "a watercolor painting of a lavender field",
    "a photo of a mountain lake in the mist",
    "a pencil sketch of mountains",
    "a photo of a deer in the forest",
    "an oil painting of a sailboat on the water",
    "a photo of a penguin in the snow",
]
NATIVE, FACTOR, STRIDE, CROPS = 256, 8, 8, 8


def captions() -> list[str]:
    """The ten prompts and ninety others of the bundled vocabulary, drawn once and for all."""
    known, rng = vocabulary()["prompts"], random.Random(0)
    styles = [style.removesuffix("…") for style in known["styles"]]
    scenes = [s + rng.choice(["", " at sunset", " at night"]) for s in known["scenes"]]
    places = [place.removeprefix("…") for place in known["backgrounds"][1:]]
    objects = [f"a {name}{rng.choice(places)}" for name in known["objects"]]
    others = [rng.choice(styles) + content for content in rng.sample(scenes, 45) + rng.sample(objects, 45)]
    return PROMPTS + [caption for caption in dict.fromkeys(others) if caption not in PROMPTS]


def crops(image: Image.Image, rng: random.Random) -> list[Image.Image]:
    lefts = [rng.randint(0, image.width - NATIVE) for _ in range(CROPS)]
    return [image.crop((left, 0, left + NATIVE, NATIVE)) for left in lefts]


def mean_se(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** 0.5:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="outputs/quality", help="folder for the pictures")
    parser.add_argument("--count", type=int, default=2, help="wide pictures per prompt")
    args = parser.parse_args()

    clip_model, every, rng = Clip(), captions(), random.Random(0)
    texts = clip_model.encode_texts(every)
    at = [FACTOR * s for s in window_starts(6 * NATIVE // FACTOR, NATIVE // FACTOR, STRIDE)]
    tiles = [NATIVE * k for k in range(1, 6)]
    plain = synoptic.run("generate", *PROMPTS, count=CROPS, model="bundled", out=f"{args.out}/plain")
    runs = {
        "plain, native size": (plain, at[1:]),
        "wide, feathered": (synoptic.run("wide", *PROMPTS, count=args.count, out=f"{args.out}/wide"), at[1:]),
        "wide, uniform": (
            synoptic.run("wide", *PROMPTS, count=args.count, weights="uniform", out=f"{args.out}/uniform"),
            at[1:],
        ),
        "windows apart": (synoptic.run("wide", *PROMPTS, count=args.count, sync="none", out=f"{args.out}/apart"), at[1:]),
        "tiles apart": (
            synoptic.run("wide", *PROMPTS, count=args.count, sync="none", stride=32, out=f"{args.out}/tiles"),
            tiles,
        ),
    }
    print(f"# {len(PROMPTS)} prompts, rank among {len(every)} captions; CLIP model {clip_model.name}")
    print("pictures\tscore\ttop-1\tseam")
    for name, (run, marks) in runs.items():
        scores, ranks, seams = [], [], []
        for picture, image in zip(run.pictures, run.images, strict=True):
            views = [image] if image.width == NATIVE else crops(image, rng)
            cosines = clip_model.encode_images(views) @ texts.T
            k = every.index(picture.prompt)
            scores.append(cosines[:, k].mean().item())
            ranks.append((cosines.argmax(1) == k).float().mean().item())
            seams.append(seam(image, [p for p in marks if p < image.width], FACTOR))
        print(f"{name}\t{mean_se(scores)}\t{mean_se(ranks)}\t{mean_se(seams)}")
        by = {p: [s for q, s in zip(run.pictures, ranks, strict=True) if q.prompt == p] for p in PROMPTS}
        print("#\t" + "\t".join(f"{statistics.mean(v):.2f}" for v in by.values()))


if __name__ == "__main__":
    main()

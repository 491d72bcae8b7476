"""The methods of `wide`, side by side: ten prompts, four seeds each, on the bundled model; then regions.

python -m benchmarks.wide_methods [--out DIR] [--coherence 20 60 …] [--prompts N] [--seeds N] [--tiny]: tables, suite.json,
methods.jpg and regions.jpg.

Score and top-1 (of 100 captions) are the CLIP model's, of eight random crops a picture; distance is the mean 1 - cosine
between a picture's six squares in the CLIP model's features. Seams are ratios to other columns, 1 for none, where the
windows begin, moving ones at the last step of tiles. Seconds are per picture of a batch of all; on a CPU they are the
process's own. SyncDiffusion follows the features of clip-grayscale, not those of the CLIP model. Errors are over pictures;
those of differences to MultiDiffusion, over pairs of one prompt and seed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.quality import PROMPTS, captions, crops
from synoptic import io
from synoptic.metrics.base import mean_error
from synoptic.metrics.clip import Clip
from synoptic.metrics.coherence import coherence
from synoptic.metrics.seams import closing_seam, seam, seam_baseline
from synoptic.models.load import load
from synoptic.models.registry import resolve
from synoptic.models.vocabulary import vocabulary
from synoptic.options.base import Item
from synoptic.options.wide import WideOptions
from synoptic.pipelines.base import take_steps
from synoptic.pipelines.wide import WidePipeline
from synoptic.views.windows import Windows, window_starts

NATIVE, TIMES, PLAIN = 256, 6, "MultiDiffusion"
BASE: dict[str, Any] = {"space": "canonical", "stride": 8, "guidance_scale": 3.0}
METHODS: dict[str, dict[str, Any]] = {
    "tiles apart": {"sync": "none", "space": "instance", "stride": 32},
    PLAIN: {},
    "shifted": {"windows": "shifted", "stride": 32},
    "thinning": {"windows": "thinning"},
    "collage": {"windows": "collage", "stride": 16},
    "circular": {"circular": True},
    "shifted circular": {"windows": "shifted", "stride": 32, "circular": True},
}
COLUMNS = ("score", "top-1", "distance", "seam", "closing seam", "closing baseline", "seconds")


@dataclass
class Bench:
    """A model, its CLIP model, and how many steps."""

    steps: int
    model: Any = field(default_factory=lambda: load("bundled"))
    clip_model: Clip = field(default_factory=Clip)
    source: Any = field(default_factory=lambda: resolve("bundled"))

    def pipeline(self, size: tuple[int, int], how: dict[str, Any], regions: Sequence[str] = ()) -> WidePipeline:
        given = BASE | {"steps": self.steps, "height": size[0], "width": size[1], "region": regions} | how
        return WidePipeline(self.model, WideOptions.from_arguments("x", **given).resolve(self.source))

    def generate(self, pipeline: WidePipeline, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        items = [Item((prompt,), seed, "") for prompt, seed in zip(prompts, seeds, strict=True)]
        return [output.image for output in take_steps(pipeline.steps(items))]


def measured(
    bench: Bench, name: str, how: dict[str, Any], prompts: Sequence[str], seeds: int
) -> tuple[dict, list[Image.Image]]:
    """Every column of a method, one number a picture, and the pictures, prompt after prompt."""
    pipeline = bench.pipeline((NATIVE, TIMES * NATIVE), how)
    every = [(prompt, seed) for prompt in prompts for seed in range(seeds)]
    bench.generate(bench.pipeline((NATIVE, 2 * NATIVE), how | {"steps": 2}), [prompts[0]], [0])  # to warm up
    clock = time.process_time if bench.model.device.type == "cpu" else time.perf_counter
    begin = clock()
    pictures = bench.generate(pipeline, [prompt for prompt, _ in every], [seed for _, seed in every])
    seconds = (clock() - begin) / len(every)
    texts, names = bench.clip_model.encode_texts(captions()), captions()
    base = pipeline.canvas.base
    windows = base if isinstance(base, Windows) else base(max(0, pipeline.options.steps - 2))
    (_, _, W), (_, w), (_, stride), (_, ox) = windows.canvas, windows.window, windows.stride, windows.offset
    factor = bench.model.factor
    marks = [factor * start for start in window_starts(W, w, stride, windows.circular, ox) if start]
    found: dict[str, list[float]] = {column: [] for column in COLUMNS}
    for (prompt, seed), image in zip(every, pictures, strict=True):
        cosines, k = bench.clip_model.encode_images(crops(image, random.Random(seed))) @ texts.T, names.index(prompt)
        row = [cosines[:, k].mean().item(), (cosines.argmax(1) == k).float().mean().item()]
        row += [
            coherence(bench.clip_model, image),
            seam(image, marks, factor),
            closing_seam(image, factor),
            seam_baseline(image, [], factor),
            seconds,
        ]
        for column, value in zip(COLUMNS, row, strict=True):
            found[column].append(value)
    print("\t".join([name, *(formatted(found[column]) for column in COLUMNS[:-1]), f"{seconds:.2f}"]), flush=True)
    return found, pictures


def formatted(values: Sequence[float]) -> str:
    mean, error = mean_error(values)
    return f"{mean:.4f} ± {error:.4f}"


def methods(
    bench: Bench, out: Path, weights: Sequence[tuple[float, int]], prompts: Sequence[str], seeds: int
) -> dict[str, Any]:
    """The table, the differences to MultiDiffusion, and a figure of the first seed of three prompts."""
    print("# " + "\t".join(["method", *COLUMNS]))
    asked = METHODS | {
        f"SyncDiffusion {w:g}, {n} steps": {"syncdiffusion_weight": w, "syncdiffusion_steps": n} for w, n in weights
    }
    tables, shown = {}, {}
    for name, how in asked.items():
        tables[name], pictures = measured(bench, name, how, prompts, seeds)
        shown[name] = pictures[::seeds][:3]
        for prompt, picture in zip(prompts, pictures[::seeds], strict=True):
            io.save_image(out / f"{name}-{prompt}.png".replace(" ", "_"), picture, {"method": name, "prompt": prompt})
    print("# less MultiDiffusion, picture by picture: score, distance (and in standard errors)")
    for name, table in tables.items():
        if name != PLAIN:
            row = []
            for column in ("score", "distance"):
                apart = [a - b for a, b in zip(table[column], tables[PLAIN][column], strict=True)]
                mean, error = mean_error(apart)
                row.append(f"{mean:+.4f} ± {error:.4f} ({mean / error:+.1f})" if error else f"{mean:+.4f}")
            print("\t".join([name, *row]), flush=True)
    pairs = [
        (picture, f"{name}: {prompts[k]}")
        for k in range(len(shown[PLAIN]))
        for name, row in shown.items()
        for picture in row[k : k + 1]
    ]
    io.image_grid([picture for picture, _ in pairs], [label for _, label in pairs], 1, cell=768).save(
        out / "methods.jpg", quality=88
    )
    return tables


@dataclass(frozen=True)
class Layout:
    """A ground and boxes (x0, y0, x1, y1) in pixels, with a prompt each, and other prompts that are nowhere in it."""

    ground: str
    boxes: list[tuple[int, int, int, int]]
    prompts: list[str]
    others: list[str]


SIZE = (256, 512)


def layouts(n: int) -> list[Layout]:
    """Two or three boxes each, 112 to 176 pixels a side, that do not touch; half of their prompts scenes, half objects."""
    rng, known = random.Random(1), vocabulary()["prompts"]
    scenes = [f"a photo of {scene}" for scene in known["scenes"]]
    things = [f"a photo of {article(thing)}" for thing in known["objects"]]
    found = []
    while len(found) < n:
        boxes: list[tuple[int, int, int, int]] = []
        for _ in range(2 + len(found) % 2):
            w, h = rng.randrange(112, 177, 8), rng.randrange(112, 177, 8)
            x, y = rng.randrange(0, SIZE[1] - w + 1, 8), rng.randrange(0, SIZE[0] - h + 1, 8)
            if all(x >= c or a >= x + w or y >= d or b >= y + h for a, b, c, d in boxes):
                boxes.append((x, y, x + w, y + h))
        if len(boxes) == 2 + len(found) % 2:
            drawn = rng.sample(scenes, 8), rng.sample(things, 8)
            mine = [drawn[k].pop() for k in (0, 1, rng.randrange(2))][: len(boxes)]
            found.append(Layout(drawn[0].pop(), boxes, mine, drawn[0][:5] + drawn[1][:5]))
    return found


def article(thing: str) -> str:
    if thing.startswith("a ") or thing.endswith("s"):
        return thing
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def regions(bench: Bench, out: Path, n: int) -> dict[str, Any]:
    """In what share of regions the CLIP model ranks the region's prompt first; and in plain pictures of the same prompts."""
    rows, figure = [], []
    for seed, layout in enumerate(layouts(n)):
        H, W = SIZE
        parts = [
            f"{a / W:.6f},{b / H:.6f},{c / W:.6f},{d / H:.6f}: {prompt}"
            for (a, b, c, d), prompt in zip(layout.boxes, layout.prompts, strict=True)
        ]
        pipeline = bench.pipeline((H, W), {"stride": 16}, parts)
        (image,) = bench.generate(pipeline, [layout.ground], [seed])
        plain = bench.generate(bench.pipeline((NATIVE, NATIVE), {}), layout.prompts, [seed] * len(parts))
        texts = [*layout.prompts, layout.ground, *layout.others]
        inside = bench.clip_model([image.crop(box) for box in layout.boxes], texts).argmax(1)
        alone = bench.clip_model(plain, texts).argmax(1)
        own = torch.arange(len(parts))
        rows += list(zip(layout.prompts, (inside == own).tolist(), (alone == own).tolist(), strict=True))
        figure.append((image, "; ".join(layout.prompts) + f" on {layout.ground}"))
        io.save_image(out / f"region-{seed}.png", image, {"boxes": layout.boxes, "prompts": layout.prompts})
    right, ceiling = [float(row[1]) for row in rows], [float(row[2]) for row in rows]
    print(
        f"# regions of {n} layouts, first of 13 or 14 prompts: {formatted(right)};"
        f" plain pictures of them: {formatted(ceiling)}"
    )
    some = figure[:8]
    io.image_grid([i for i, _ in some], [t for _, t in some], 2, cell=512).save(out / "regions.jpg", quality=88)
    return {"first": statistics.mean(right), "plain": statistics.mean(ceiling), "regions": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="outputs/suite", help="folder for tables and pictures")
    parser.add_argument("--coherence", type=float, nargs="+", default=[20.0], help="weights of SyncDiffusion to try")
    parser.add_argument("--coherence-steps", type=int, nargs="+", default=[10], help="in how many steps")
    parser.add_argument("--layouts", type=int, default=40, help="pictures with regions")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--tiny", action="store_true", help="a trial of the script: two prompts, one seed, two steps")
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench(2 if args.tiny else args.steps)
    prompts, seeds = (PROMPTS[:2], 1) if args.tiny else (PROMPTS[: args.prompts], args.seeds)
    found: dict[str, Any] = {
        "methods": methods(bench, out, list(product(args.coherence, args.coherence_steps)), prompts, seeds)
    }
    found["regions"] = regions(bench, out, 2 if args.tiny else args.layouts)
    found["machine"] = {"device": str(bench.model.device), "dtype": str(bench.model.dtype), "torch": torch.__version__}
    (out / "suite.json").write_text(json.dumps(found, indent=1))
    print(f"# {found['machine']}, {bench.steps} steps, {len(prompts)} prompts, {seeds} seeds: {out}")


if __name__ == "__main__":
    main()

"""Measure the bundled depth model on held-out renders, whose depth is known: a table, and a figure.

PYTHONPATH=. python -m benchmarks.depth_model [--count N] [--model NAME] [--out DIR]; a minute on two cores.

Maps are compared as laid on [0, 1], each of its own nearest and farthest: the mean absolute error, the correlation over a
picture's pixels, and that of the slopes in the normals that `--condition normal` draws of them. Beside it: another
picture's map, and the mean of all maps, which is the best that can be said without looking.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.control import mean_se
from bundled_training.render.bank import bank
from bundled_training.train.depth import correlation, stretched
from synoptic import io
from synoptic.controlnet.annotators.depth import DepthEstimator
from synoptic.controlnet.annotators.normal import normal_map
from synoptic.models.registry import resolve_depth_model

SHOWN = 8


def slopes(near: Tensor) -> Tensor:
    """Return how much the surfaces of maps (N, 1, H, W) in [0, 1] slope, as their normals have it: (N, 2, H, W)."""
    return normal_map(near)[:, :2] - 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="held-out renders")
    parser.add_argument("--model", default="bundled", help="the depth model: bundled, a hub id or a directory")
    parser.add_argument("--out", type=Path, default=Path("outputs/depth-model"))
    args = parser.parse_args()
    estimate = DepthEstimator(resolve_depth_model(args.model))
    pictures, captions, depths = bank(args.count, 256, torch.device("cpu"), seed=78, held_out=True, depth=True)
    x, true = pictures.float() / 255, stretched(depths.float() / 255)
    found = torch.cat([estimate(part * 2 - 1)[:, :1] for part in x.split(20)])
    known = true.flatten(1).amax(1) > 0  # a sky alone has no depth
    lines: list[tuple[str, ...]] = [("map", "error", "correlation", "correlation of slopes")]
    maps = {"estimated": found, "another's": true.roll(1, 0), "mean": true.mean(0, keepdim=True).expand_as(true)}
    for name, near in maps.items():
        error = (near - true).abs().mean((1, 2, 3))
        values = (error, correlation(near, true)[known], correlation(slopes(near), slopes(true))[known])
        lines.append((name, *(mean_se(value) for value in values)))
    table = "\n".join("\t".join(line) for line in lines)
    print(table)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "depth-model.tsv").write_text(table + "\n")
    rows = [x[:SHOWN], *(part[:SHOWN].expand(-1, 3, -1, -1) for part in (true, found))]
    shown = [picture for row in rows for picture in io.to_pil(row * 2 - 1)]
    labels = [name for name in ("render", "its depth", "estimated") for _ in range(len(rows[0]))]
    io.save_image(args.out / "depth-model.png", io.image_grid(shown, labels, len(rows[0])), {"prompts": captions[:SHOWN]})


if __name__ == "__main__":
    main()

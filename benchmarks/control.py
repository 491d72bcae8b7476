"""Measure how far pictures follow the maps of the bundled ControlNets, on held-out renders: a table, and a figure.

PYTHONPATH=. python benchmarks/control.py [--count N] [--nets DIR] [--out DIR]; minutes on a GPU, an hour on two cores.

What is followed, edges counting as met by one at most a pixel away: canny and scribble, F1 of the painting's own map
against the one it was given; depth and normals, the share of the depth map's edges where the painting has one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bundled_training.render.bank import bank
from bundled_training.render.edges import canny, scribble
from synoptic import io
from synoptic.controlnet.annotators.normal import normal_map
from synoptic.diffusion import solvers
from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import cfg
from synoptic.metrics.clip import Clip
from synoptic.metrics.edges import edge_f1, matched_fraction
from synoptic.models.base import Denoiser
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.controlnet import Control, ControlledDenoiser
from synoptic.models.load import load, load_controlnet
from synoptic.sampling.single import sample

FOLLOWED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # (picture in [0, 1], map; of normals the depth) -> a share
    "canny": lambda x, wanted: edge_f1(canny(x), wanted),
    "scribble": lambda x, wanted: edge_f1(scribble(x), wanted),
    "depth": lambda x, wanted: matched_fraction(canny(wanted.expand(-1, 3, -1, -1)), canny(x), 1),
    "normal": lambda x, near: matched_fraction(canny(near.expand(-1, 3, -1, -1)), canny(x), 1),
}
STEPS, GUIDANCE, SHOWN = 25, 3.0, 8


@torch.no_grad()
def painted(model: Denoiser, prompts: list[str], steps: int) -> Tensor:
    """One picture a prompt, in [0, 1]; the same noise for every model."""
    rngs, s = [torch.Generator().manual_seed(k) for k in range(len(prompts))], model.schedule
    predict = cfg(model, prompts, GUIDANCE, clip=get_clip("auto", s))
    *_, last = sample(predict, s, randn(model.shape, rngs).to(model.device), steps=solvers.timestep_pairs("ddim", s, steps))
    return decoded(model, last.x)


def decoded(model: Denoiser, x: Tensor) -> Tensor:
    pictures = torch.cat([model.decode(part) for part in x.split(20)])
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round() / 255


def mean_se(values: Tensor) -> str:
    return f"{values.mean():.3f} ± {values.std() / len(values) ** 0.5:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="held-out pictures")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--nets", type=Path, default=BUNDLED_DIR, help="where control-canny, … lie")
    parser.add_argument("--out", type=Path, default=Path("outputs/control"))
    args = parser.parse_args()

    model, clip = load("bundled"), Clip("bundled")
    x, prompts, depths = bank(args.count, 256, model.device, seed=77, held_out=True, depth=True)
    x = x.float() / 255
    near = depths.float() / 255
    maps = {"canny": canny(x), "scribble": scribble(x), "depth": near, "normal": normal_map(near)}
    through = decoded(model, torch.cat([model.encode(part * 2 - 1) for part in x.split(20)]))
    plain = painted(model, prompts, args.steps)

    def score(pictures: Tensor) -> Tensor:
        """Return the reference CLIP's cosine of each picture with its prompt."""
        return clip(io.to_pil(pictures * 2 - 1), prompts).diagonal()

    lines: list[tuple[str, ...]] = [
        ("condition", "followed", "no control", "another's map", "VAE alone", "score", "score, no control", "of renders")
    ]
    rows = [x[:SHOWN], plain[:SHOWN]]
    for kind, followed in FOLLOWED.items():
        net = load_controlnet(str(args.nets / f"control-{kind}"))
        wanted = maps[kind]
        guided = painted(ControlledDenoiser(model, [Control(net, wanted.expand(-1, 3, -1, -1))]), prompts, args.steps)
        asked = [guided, plain, guided.roll(1, 0), through]
        shares = [mean_se(followed(pictures, near if kind == "normal" else wanted)) for pictures in asked]
        lines.append((kind, *shares, *(mean_se(score(pictures)) for pictures in (guided, plain, x))))
        rows += [wanted[:SHOWN].expand(-1, 3, -1, -1), guided[:SHOWN]]
    table = "\n".join("\t".join(line) for line in lines)
    print(table)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "control.tsv").write_text(table + "\n")
    shown = [picture for row in rows for picture in io.to_pil(row * 2 - 1)]
    names = ["render", "no control", *(f"{what} {kind}" for kind in FOLLOWED for what in ("its", "by"))]
    labels = [name for name in names for _ in range(len(rows[0]))]
    io.save_image(args.out / "control.png", io.image_grid(shown, labels, len(rows[0])), {"prompts": prompts[:SHOWN]})


if __name__ == "__main__":
    main()

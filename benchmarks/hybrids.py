"""How often is a hybrid one thing from afar and another from near? On the bundled pixel model, both stages, 256 px.

python benchmarks/hybrids.py [--out DIR] [--seeds N] [--quick]: the share of pictures for which a CLIP finds the far prompt
among the first five of 100 on the picture made 8 times smaller and enlarged again, and the near prompt on the picture.
The ceiling is two pictures painted apart, each looked at its own way. benchmarks/anagrams.py must have run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from anagrams import PAIRS, apart, bytes_of, cosines, prompts, ranks, row
from torch import Tensor

import synoptic
from synoptic.io import from_pil, image_grid, save_image, to_pil
from synoptic.metrics.clip import Clip
from synoptic.pipelines.hybrid import FAR_SIDE, from_afar


def seen(picture: Any) -> Tensor:
    return torch.cat([from_pil(look) for look in (from_afar(picture, FAR_SIDE), picture)])


def main(given: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/hybrids"))
    p.add_argument("--anagrams", type=Path, default=Path("outputs/benchmarks/anagrams"), help="its pictures painted apart")
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--sigma", type=float, default=2.0, help="of the blur that parts far from near")
    p.add_argument("--quick", action="store_true")
    a = p.parse_args(given)
    a.out.mkdir(parents=True, exist_ok=True)
    if a.quick:
        del PAIRS[2:]
    options: dict[str, Any] = {"count": a.seeds, "sigma": a.sigma, "steps": 2 if a.quick else 20}
    rows = []
    for k in range(len(PAIRS)):
        found = synoptic.run("hybrid", *prompts(k), out=str(a.out / str(k)), **options)
        rows.append(torch.stack([seen(picture) for picture in found.images]))
    two = apart(a.anagrams, options["steps"], 4)
    far, near = (to_pil(side.flatten(0, 1).float() / 127.5 - 1) for side in two.unbind(2))
    ceiling = torch.stack(
        [torch.stack([seen(x.resize((256, 256)))[0], seen(y.resize((256, 256)))[1]]) for x, y in zip(far, near, strict=True)]
    )
    table = []
    for clip_model in (Clip("bundled"), Clip("bundled-grayscale")):
        for name, views in {
            "painted apart (ceiling)": ceiling.unflatten(0, two.shape[:2]),
            "hybrids": torch.stack(rows),
        }.items():
            places = ranks(cosines(clip_model, bytes_of(views)))
            table.append(row(name, places, clip_model.name))
            for j, side in enumerate(("far only", "near only")):
                table.append(row(f"{name}, {side}", places[..., j : j + 1], clip_model.name))
    print("\t".join(table[0]), *("\t".join(map(str, r.values())) for r in table), sep="\n")
    pictures = to_pil(torch.stack(rows)[:, 0].flatten(0, 1))
    labels = [text for k in range(len(PAIRS)) for text in prompts(k)]
    save_image(a.out / "hybrids.png", image_grid(pictures, labels, 8, cell=256), {"what": "hybrids: from afar, from near"})


if __name__ == "__main__":
    main()

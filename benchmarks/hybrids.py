"""How often is a hybrid one thing from afar and another from near? On the bundled pixel model, both stages, 256 px.

python -m benchmarks.hybrids [--seeds N] [--sigmas 2 2.5 3 3.5] [--out DIR] [--budget SECONDS] [--tiny]: for each sigma of
the blur that parts far from near, the share of pictures for which a CLIP finds the far prompt among the first five of 100 on
the picture made 8 times smaller and enlarged again, and the near prompt on the picture. The ceiling is two pictures painted
apart, each looked at its own way. "best of N" is the seed that the other CLIP likes best. Each sigma has a sheet of the
candidates that both CLIPs like best, from afar and from near, to choose from by eye.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

import synoptic
from benchmarks.anagrams import PAIRS, alignment, bytes_of, cosines, prompts, ranks, row, searched
from benchmarks.own_prompts import paint
from benchmarks.record import Record, add_arguments, save_jpeg, save_sheet
from synoptic.io import from_pil, image_grid, to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.base import PretrainedModel
from synoptic.pipelines.hybrid import FAR_SIDE, from_afar

CEILING = "painted apart (ceiling)"
CANDIDATES = 48  # on a sheet


def seen(picture: Image) -> Tensor:
    return torch.cat([from_pil(look) for look in (from_afar(picture, FAR_SIDE), picture)])


def hybrids(model: PretrainedModel, pairs: range, seeds: int, **how: Any) -> Tensor:
    """From afar and from near, of some pairs (pairs, seeds, 2, 3, S, S), uint8."""
    pictures = paint("hybrid", model, [prompts(k) for k in pairs], seeds, **how)
    return bytes_of(torch.stack([seen(picture) for picture in pictures]).unflatten(0, (len(pairs), seeds)))


def apart(model: PretrainedModel, pairs: range, seeds: int, **how: Any) -> Tensor:
    """Return each prompt painted by itself, looked at its own way: shaped as `hybrids`."""
    sides = []
    for j in (0, 1):
        alike = [[prompts(k)[j]] * 2 for k in pairs]
        pictures = paint("anagram", model, alike, seeds, views=["identity", "identity"], **how)
        sides.append(torch.stack([seen(picture)[j] for picture in pictures]).unflatten(0, (len(pairs), seeds)))
    return bytes_of(torch.stack(sides, 2))


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    add_arguments(p, "hybrids")
    p.add_argument("--seeds", type=int, default=8)
    p.add_argument("--sigmas", type=float, nargs="+", default=[3.0, 2.5, 2.0, 3.5])
    a = p.parse_args(given)
    if a.tiny:
        del PAIRS[2:]
    seeds = 1 if a.tiny else a.seeds
    how = {"steps": 2, "upscaler_steps": [1]} if a.tiny else {}
    model = synoptic.load("bundled-if")
    record = Record("hybrids", a.out, a.budget, {"pairs": PAIRS, "seeds": seeds, "sigmas": a.sigmas})
    clips = {"bundled": Clip("bundled"), "bundled-grayscale": Clip("bundled-grayscale")}
    at_once, table = 20 if model.device.type == "cuda" else 1, list[dict[str, Any]]()
    for sigma in [None, *a.sigmas]:
        if not record.has_time():
            break
        parts = [range(begin, min(begin + at_once, len(PAIRS))) for begin in range(0, len(PAIRS), at_once)]
        if sigma is None:
            views = torch.cat([apart(model, some, seeds, **how) for some in parts])
        else:
            views = torch.cat([hybrids(model, some, seeds, sigma=sigma, **how) for some in parts])
        found = {name: cosines(clip, views) for name, clip in clips.items()}
        name = CEILING if sigma is None else f"hybrids, sigma {sigma:g}"
        for clip, other in zip(clips, reversed(clips), strict=True):
            place = ranks(found[clip])
            table.append(row(name, place, clips[clip].name) | {"ranks": place.tolist()})
            for j, side in enumerate(("far", "near")):
                table.append(row(f"{name}, {side} only", place[..., j : j + 1], clips[clip].name))
            best = searched(place, alignment(found[other]))
            table.append(row(f"{name}, best of {seeds}", best, clips[clip].name))
        if sigma is not None:
            sheet_of_candidates(record, f"sigma-{sigma:g}", views, torch.minimum(*(alignment(x) for x in found.values())))
        record.keep(rows=table)
    print(*("\t".join(str(value) for key, value in r.items() if key != "ranks") for r in table), sep="\n")
    return table


def sheet_of_candidates(record: Record, name: str, views: Tensor, score: Tensor) -> None:
    """Write the pictures that the worse CLIP likes best, at their full size, and the first seed of all pairs."""
    best = score.flatten().argsort(descending=True)[:CANDIDATES].tolist()
    pictures = to_pil(views.flatten(0, 1)[best].flatten(0, 1).float() / 127.5 - 1)
    seeds = views.shape[1]
    labels = [f"{text}, seed {k % seeds}" for k in best for text in prompts(k // seeds)]
    save_jpeg(record.file.parent / f"candidates-{name}.jpg", image_grid(pictures, labels, 8, cell=256))
    first = to_pil(views[:, 0].flatten(0, 1).float() / 127.5 - 1)
    save_sheet(
        record.file.parent / f"first-{name}.jpg", first, [text for k in range(len(views)) for text in prompts(k)], 8, 160
    )


if __name__ == "__main__":
    main()

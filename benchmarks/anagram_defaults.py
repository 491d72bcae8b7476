"""How often does `anagram` work as it comes? Default options but for the count, by both bundled models: 60 pairs, 8 seeds.

python -m benchmarks.anagram_defaults [--pairs 60] [--seeds 8] [--only WAY …] [--out DIR] [--budget SECONDS] [--tiny]: the
share of pictures of a quarter turn for which a CLIP finds the right prompt among the first five (and first) of 100 for both
views, errors over pairs, and that of the best of all seeds by the other CLIP. Pairs, styles and seeds are those of
benchmarks.looking_glass. "apart" is the ceiling: each prompt painted by itself, turned as its view shows it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

import synoptic
from benchmarks.anagrams import PAIRS, alignment, bytes_of, cosines, prompts, ranks, row, searched
from benchmarks.looking_glass import LOOKS, all_pairs, painted
from benchmarks.own_prompts import paint
from benchmarks.record import Record, add_arguments, save_sheet
from synoptic.io import from_pil, to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.base import PretrainedModel

APART = "apart"
PIXELS = {"model": "bundled-if"}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "bundled": {},
    "bundled-if, upscaled": PIXELS,
    "bundled-if, its own size": PIXELS | {"upscalers": "none"},
    "bundled-if, fast": PIXELS | {"fast": True},
    APART: PIXELS,
}
BEST = 24  # pictures on a sheet, the best by the worse of both CLIPs


def views_apart(model: PretrainedModel, pairs: range, seeds: int, how: Mapping[str, Any]) -> Tensor:
    """Each prompt of some pairs painted by itself: shaped as `painted`."""
    sides = []
    for j in (0, 1):
        alike = [[prompts(k)[j]] * 2 for k in pairs]
        pictures = paint("anagram", model, alike, seeds, views=["identity", "identity"], **how)
        sides.append(torch.cat([from_pil(picture) for picture in pictures]).unflatten(0, (len(pairs), seeds)))
    return bytes_of(torch.stack(sides, 2))


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    add_arguments(p, "anagram_defaults")
    p.add_argument("--pairs", type=int, default=60)
    p.add_argument("--seeds", type=int, default=8)
    p.add_argument("--only", nargs="*", default=list(WAYS), choices=WAYS)
    a = p.parse_args(given)
    all_pairs(2 if a.tiny else a.pairs)
    seeds = 2 if a.tiny else a.seeds
    few = {"steps": 2, "upscaler_steps": [1]} if a.tiny else {}
    record = Record("anagram_defaults", a.out, a.budget, {"pairs": PAIRS, "seeds": seeds})
    clips = {"bundled": Clip("bundled"), "bundled-grayscale": Clip("bundled-grayscale")}
    table: list[dict[str, Any]] = []
    for way in a.only:
        how = dict(WAYS[way]) | few
        name = how.pop("model", "bundled")
        if name == "bundled":
            how.pop("upscaler_steps", None)
        model, views = synoptic.load(name), list[Tensor]()
        at_once = 20 if model.device.type == "cuda" else 1
        for begin in range(0, len(PAIRS), at_once):
            if not record.has_time():
                break
            pairs = range(begin, min(begin + at_once, len(PAIRS)))
            views.append(views_apart(model, pairs, seeds, how) if way == APART else painted(model, pairs, seeds, **how))
        if views:
            table += judged(record, way, torch.cat(views), clips)
            record.keep(rows=table)
    return table


def judged(record: Record, way: str, views: Tensor, clips: Mapping[str, Clip]) -> list[dict[str, Any]]:
    """Return the rows of a way, and write the best of its pictures as a sheet."""
    rows = []
    found = {name: cosines(clip, views) for name, clip in clips.items()}
    for name, other in zip(clips, reversed(list(clips)), strict=True):
        place = ranks(found[name])
        rows.append(row(way, place, clips[name].name) | {"ranks": place.tolist()})
        rows.append(row(f"{way}, best of {place.shape[1]}", searched(place, alignment(found[other])), clips[name].name))
    for measured in rows:
        print(*list(measured.values())[:7], sep="\t", flush=True)
    score = torch.minimum(*(alignment(x) for x in found.values())).flatten()
    best = score.argsort(descending=True)[:BEST].tolist()
    pictures, labels = views.flatten(0, 1)[best], [text for k in best for text in prompts(k // views.shape[1])]
    sheet = record.file.parent / f"best-{way.replace(', ', '-').replace(' ', '_')}.jpg"
    save_sheet(sheet, to_pil(pictures.flatten(0, 1).float() / 127.5 - 1), labels, 2 * len(LOOKS) * 2, 192)
    return rows


if __name__ == "__main__":
    main()

"""Do LookingGlass's means help a latent model's anagrams? Quarter turns on one model, the same prompts and seeds each way.

python -m benchmarks.looking_glass [--model M] [--pairs 60] [--seeds 8] [--out DIR] [--budget SECONDS] [--tiny]: the share of
pictures for which a CLIP finds the right prompt among the first five (and first) of 100 for both views, and how many times
that of plain views in pixels with residual it is, its standard error over pairs of the difference beside it. "as many steps"
is the plain way with the calls that repeats cost. A budget that ends leaves a way with fewer pairs: it is compared on those.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

import synoptic
from benchmarks.anagrams import PAIRS, bytes_of, cosines, prompts, ranks, row
from benchmarks.own_prompts import paint
from benchmarks.record import Record, add_arguments, save_sheet
from synoptic.io import from_pil, to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.base import PretrainedModel
from synoptic.views.registry import get_view

STEPS, LOOKS = 20, ("identity", "rotate_cw")
PLAIN = "plain, with residual"
WAYS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "repeats": {"step_repeats": 3},
    "pyramids, repeats": {"blend": "pyramid", "step_repeats": 3},
    "as many steps": {"steps": 44},
    "repeats, first alone for a step": {"step_repeats": 3, "first_alone": 0.05},
    "all three": {"blend": "pyramid", "step_repeats": 3, "first_alone": 0.2},
    "five repeats": {"step_repeats": 5},
    "pyramids": {"blend": "pyramid"},
    "first alone": {"first_alone": 0.2},
    "latents turned": {"view_space": "latents"},
}
SHOWN = 8, 2  # pairs and seeds on a sheet


def all_pairs(count: int) -> None:
    """Bring `PAIRS` to so many: those of the other study, then others of the same contents."""
    firsts, seconds = ([pair[side] for pair in PAIRS] for side in (0, 1))
    rng, n = Random(0), len(PAIRS)
    shifts = rng.sample(range(1, n), n - 1)
    more = [(firsts[k], seconds[(k + shift) % n]) for shift in shifts for k in range(n)]
    PAIRS[:] = [*PAIRS, *more][:count]


def painted(model: PretrainedModel, pairs: range, seeds: int, **how: Any) -> Tensor:
    """The views as they are seen of some of the pairs (pairs, seeds, 2, 3, S, S), uint8."""
    pictures = paint("anagram", model, [prompts(k) for k in pairs], seeds, views=list(LOOKS), **how)
    seen = [torch.cat([get_view(name).view(from_pil(picture)) for name in LOOKS]) for picture in pictures]
    return bytes_of(torch.stack(seen).unflatten(0, (len(pairs), seeds)))


def compared(place: Tensor, plain: Tensor) -> dict[str, float]:
    """How many times the plain share of both in five, and the standard error over pairs of the difference of shares."""
    ours, theirs = ((x < 5).all(-1).double().mean(1) for x in (place, plain[: len(place)]))
    difference = ours - theirs
    error = difference.std() / len(difference) ** 0.5 if len(difference) > 1 else difference.new_zeros(())
    times = ours.mean() / theirs.mean() if theirs.any() else difference.new_tensor(float("nan"))
    return {"times plain": round(times.item(), 3), "± difference": round(error.item(), 3)}


def shown(out: Path, name: str, views: Tensor) -> None:
    """Write the first seeds of the first pairs as a sheet."""
    some = views[: SHOWN[0], : SHOWN[1]]
    labels = [text for pair in PAIRS[: len(some)] for _ in range(some.shape[1]) for text in pair]
    save_sheet(
        out / f"{name.replace(', ', '-').replace(' ', '_')}.jpg",
        to_pil(some.flatten(0, 2).float() / 127.5 - 1),
        labels,
        8,
        160,
    )


def study(
    record: Record, model: PretrainedModel, ways: dict[str, dict[str, Any]], seeds: int, at_once: int
) -> list[dict[str, Any]]:
    """Paint and judge each way, the first of which is the plain one; the record has its rows and every rank."""
    clips = [Clip("bundled"), Clip("bundled-grayscale")]
    places: dict[str, dict[str, Tensor]] = {}
    table: list[dict[str, Any]] = []
    for name, how in ways.items():
        places[name], firsts = {}, list[Tensor]()
        for begin in range(0, len(PAIRS), at_once):
            if not record.has_time():
                break
            pairs = range(begin, min(begin + at_once, len(PAIRS)))
            views = painted(model, pairs, seeds, **how)
            firsts = firsts or [views]
            for clip in clips:
                found = ranks(cosines(clip, views, pairs))
                old = places[name].get(clip.name)
                places[name][clip.name] = found if old is None else torch.cat([old, found])
        plain = places[PLAIN]
        for clip, place in places[name].items():
            table.append(row(name, place, clip) | {"pairs": len(place)} | compared(place, plain[clip]))
            print(*table[-1].values(), sep="\t", flush=True)
        record.keep(
            rows=table, ranks={way: {clip: place.tolist() for clip, place in by.items()} for way, by in places.items()}
        )
        if firsts:
            shown(record.file.parent, name, firsts[0])
    return table


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    add_arguments(p, "looking_glass")
    p.add_argument("--model", default="bundled")
    p.add_argument("--guidance-scale", type=float, help="(default: the model's)")
    p.add_argument("--pairs", type=int, default=60)
    p.add_argument("--seeds", type=int, default=8)
    p.add_argument("--only", nargs="*", default=list(WAYS), help="some of the ways, by their names; the plain one first")
    p.add_argument("--name", default="looking_glass", help="of the JSON")
    a = p.parse_args(given)
    all_pairs(2 if a.tiny else a.pairs)
    model, seeds = synoptic.load(a.model), 1 if a.tiny else a.seeds
    guidance = {} if a.guidance_scale is None else {"guidance_scale": a.guidance_scale}
    common = guidance | {"upscalers": "none", "steps": STEPS}
    ways = {name: common | WAYS[name] | ({"steps": 2} if a.tiny else {}) for name in dict.fromkeys([PLAIN, *a.only])}
    record = Record(a.name, a.out, a.budget, {"model": a.model, "pairs": len(PAIRS), "seeds": seeds, "ways": ways})
    return study(record, model, ways, seeds, 20 if model.device.type == "cuda" else 1)


if __name__ == "__main__":
    main()

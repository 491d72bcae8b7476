"""Do LookingGlass's means help a latent model's anagrams? Quarter turns on one model, the same prompts and seeds each way.

python benchmarks/looking_glass.py [--model M] [--pairs 60] [--seeds 8] [--out DIR]: the share of pictures for which a CLIP
finds the right prompt among the first five (and first) of 100 for both views, and how many times that of plain views in
pixels with residual it is, its standard error over pairs of the difference beside it. "as many steps" is the plain way with
the calls that repeats cost. What was painted stays in DIR, and is read back.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from anagrams import PAIRS, bytes_of, cosines, prompts, ranks, row
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor

import synoptic
from synoptic.io import from_pil, image_grid, save_image, to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.base import PretrainedModel
from synoptic.views.registry import get_view

STEPS, LOOKS = 20, ("identity", "rotate_cw")
PLAIN = "plain, with residual"
WAYS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "pyramids": {"blend": "pyramid"},
    "repeats": {"step_repeats": 3},
    "first alone": {"first_alone": 0.2},
    "pyramids, repeats": {"blend": "pyramid", "step_repeats": 3},
    "all three": {"blend": "pyramid", "step_repeats": 3, "first_alone": 0.2},
    "as many steps": {"steps": 44},
    "latents turned": {"view_space": "latents"},
}


def all_pairs(count: int) -> None:
    """Bring `PAIRS` to so many: those of the other study, then others of the same contents."""
    firsts, seconds = ([pair[side] for pair in PAIRS] for side in (0, 1))
    rng, n = Random(0), len(PAIRS)
    shifts = rng.sample(range(1, n), n - 1)
    more = [(firsts[k], seconds[(k + shift) % n]) for shift in shifts for k in range(n)]
    PAIRS[:] = [*PAIRS, *more][:count]


def painted(file: Path, model: PretrainedModel, seeds: int, **how: Any) -> Tensor:
    """The views as they are seen (pairs, seeds, 2, 3, S, S), uint8."""
    if file.exists():
        return load_file(file)["views"]
    rows = []
    for k in track(range(len(PAIRS)), file.stem):
        found = synoptic.anagram(
            model, prompts(k), views=LOOKS, count=seeds, upscalers="none", **{"steps": STEPS, **how}
        ).images
        seen = [torch.cat([get_view(name).view(from_pil(picture)) for name in LOOKS]) for picture in found]
        rows.append(torch.stack(seen))
    views = bytes_of(torch.stack(rows))
    save_file({"views": views}, file)
    return views


def compared(place: Tensor, plain: Tensor) -> dict[str, float]:
    """How many times the plain share of both in five, and the standard error over pairs of the difference of shares."""
    ours, theirs = ((x < 5).all(-1).double().mean(1) for x in (place, plain))
    difference = ours - theirs
    error = difference.std() / len(difference) ** 0.5 if len(difference) > 1 else difference.new_zeros(())
    times = ours.mean() / theirs.mean() if theirs.any() else difference.new_tensor(float("nan"))
    return {"times plain": round(times.item(), 3), "± difference": round(error.item(), 3)}


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", type=Path, default=Path("outputs/benchmarks/looking_glass"))
    p.add_argument("--model", default="bundled")
    p.add_argument("--guidance-scale", type=float, help="(default: the model's)")
    p.add_argument("--pairs", type=int, default=60)
    p.add_argument("--seeds", type=int, default=8)
    p.add_argument("--only", nargs="*", default=list(WAYS), help="some of the ways, by their names; the plain one first")
    p.add_argument("--quick", action="store_true", help="two steps, two pairs, one seed: does it run?")
    a = p.parse_args(given)
    a.out.mkdir(parents=True, exist_ok=True)
    all_pairs(2 if a.quick else a.pairs)
    model, seeds = synoptic.load(a.model), 1 if a.quick else a.seeds
    guidance = {} if a.guidance_scale is None else {"guidance_scale": a.guidance_scale}
    table, plain = [], dict[str, Tensor]()
    for name in dict.fromkeys([PLAIN, *a.only]):
        stem = name.replace(", ", "-").replace(" ", "_")
        how = guidance | WAYS[name] | ({"steps": 2} if a.quick else {})
        views = painted(a.out / f"{stem}.safetensors", model, seeds, **how)
        for clip in (Clip("bundled"), Clip("bundled-grayscale")):
            place = ranks(cosines(clip, views))
            table.append(row(name, place, clip.name) | compared(place, plain.setdefault(clip.name, place)))
        shown = to_pil(views[:8, :2].flatten(0, 2).float() / 127.5 - 1)
        labels = [text for pair in PAIRS[:8] for _ in range(min(2, seeds)) for text in pair]
        save_image(a.out / f"{stem}.png", image_grid(shown, labels, 2 * min(2, seeds) * 2, cell=160), {"what": name})
    print("\t".join(table[0]), *("\t".join(map(str, r.values())) for r in table), sep="\n")
    (a.out / "looking_glass.json").write_text(json.dumps(table, indent=1))
    return table


if __name__ == "__main__":
    main()

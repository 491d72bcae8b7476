"""How often does a picture show both prompts of a pair, one to each view? On the bundled pixel model, stage I.

python -m benchmarks.anagrams [--out DIR] [--budget SECONDS] [--tiny]: for each sync rule and view, the share of pictures for
which a CLIP model finds the right prompt among the first five (and first) of 100 for both views. The ceiling is two pictures
painted apart, the floor their average; "best of 16" is the seed that the other CLIP model likes best. Errors are over pairs.
What was painted stays in DIR.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.record import Record, add_arguments, save_sheet
from synoptic.diffusion.schedules import get_clip
from synoptic.guidance.cfg import Predict, cfg
from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.base import Denoiser
from synoptic.models.load import load
from synoptic.models.vocabulary import vocabulary
from synoptic.sampling.joint_sampler import JointSampler, PredictFor
from synoptic.sampling.step import Step
from synoptic.views.anagram import Anagram
from synoptic.views.base import Projection
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.registry import get_view

STYLES = "an oil painting of", "a lithograph of", "a pencil sketch of", "a neon sign of"
PAIRS = [
    ("a horse", "a snowy mountain village"), ("a duck", "a rabbit"), ("a library", "a theater"), ("a cat", "a canyon"),
    ("a dog", "a waterfall"), ("a deer", "a truck"), ("a skull", "a campfire"), ("a penguin", "a guitar"),
    ("an owl", "a strawberry"), ("a lion", "a sunflower"), ("a rocket", "a fish"), ("an elephant", "a teapot"),
    ("a castle", "a crown"), ("a bear", "a mushroom"), ("a frog", "an apple"), ("a butterfly", "a clown"),
    ("a bee", "a pineapple"), ("a panda", "a ball"), ("a turtle", "a hamburger"), ("a swan", "a violin"),
]  # fmt: skip
STEPS, CHOICES = 20, 100
SHARED = {"space": "canonical", "init": "shared"}
APART = {"space": "instance", "init": "independent"}
LATENT = {"model": "bundled", "guidance": 3.0}


@dataclass(frozen=True)
class Run:
    """What is painted: the second view, how many pairs and seeds, how, and of what."""

    second: str
    pairs: int
    seeds: int
    how: dict[str, Any]
    model: str = "bundled-if"
    guidance: float = 3.0
    equalize_guidance: bool = False
    canvas: Literal["own", "with residual", "without residual"] = "own"

    def views(self, model: Denoiser) -> Projection:
        looks = [get_view("identity"), get_view(self.second)]
        if self.canvas == "own":
            return Anagram(model.shape, looks)
        side = model.shape[-1] * model.factor
        return PixelSpace(
            Anagram((3, side, side), looks), model.encode, model.decode, residual=self.canvas == "with residual"
        )


RUNS: dict[str, Run] = {
    "rotate_cw, x0": Run("rotate_cw", 20, 16, SHARED),
    "rotate_cw, x0, balanced": Run("rotate_cw", 20, 4, SHARED, equalize_guidance=True),
    "flip, x0": Run("flip", 10, 4, SHARED),
    "inner_rotate, x0": Run("inner_rotate", 10, 4, SHARED),
    "jigsaw, x0": Run("jigsaw", 10, 4, SHARED),
    "rotate_cw, x0, own noise": Run("rotate_cw", 20, 2, APART),
    "rotate_cw, xt, own noise": Run("rotate_cw", 20, 2, APART | {"sync": "xt"}),
    "rotate_cw, eps, own noise": Run("rotate_cw", 20, 2, APART | {"sync": "eps"}),
    "latent model in pixels": Run("rotate_cw", 20, 1, APART, **LATENT, canvas="with residual"),
    "latent model in pixels, no residual": Run("rotate_cw", 20, 1, APART, **LATENT, canvas="without residual"),
    "latent model, its latents turned": Run("rotate_cw", 20, 1, SHARED, **LATENT),
}


def prompts(k: int) -> list[str]:
    return [f"{STYLES[k % len(STYLES)]} {content}" for content in PAIRS[k]]


def distractors(style: str, seed: int = 0) -> list[str]:
    """98 other contents in the style of a pair."""
    named = {content for pair in PAIRS for content in pair}
    things = [name for name in vocabulary()["prompts"]["objects"] if not name.startswith("a ")]
    scenes = [name for name in vocabulary()["prompts"]["scenes"] if name not in named]
    things = [f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in things]
    others = [name for name in things if name not in named] + scenes[::6]
    return [f"{style} {content}" for content in Random(seed).sample(others, CHOICES - 2)]


def last(steps: Any) -> Step:
    *_, step = steps
    return step


def painted(folder: Path, name: str, steps: int) -> Tensor:
    """The views as they are seen (pairs, seeds, 2, 3, S, S), uint8: painted, or read back."""
    file = folder / f"{name.replace(', ', '-').replace(' ', '_')}.safetensors"
    if file.exists():
        return load_file(file)["views"]
    run = RUNS[name]
    pairs, seeds = run.pairs, run.seeds
    model = load(run.model)
    views, looks = run.views(model), Anagram((3, 64, 64), [get_view("identity"), get_view(run.second)])
    rows, at_once = [], 20 if model.device.type == "cuda" else 1
    for begin in range(0, pairs, at_once):
        some = range(begin, min(begin + at_once, pairs))
        sampler = JointSampler(prompts_of(some, seeds, run), steps, **run.how)
        rngs = [torch.Generator().manual_seed(seed) for _ in some for seed in range(seeds)]
        z = last(sampler.sample(model, views, rngs)).canvas
        picture = model.decode(z) if run.model == "bundled" and run.canvas == "own" else z
        rows.append(looks.project(picture).cpu().unflatten(0, (len(some), seeds, 2)))
    found = bytes_of(torch.cat(rows))
    save_file({"views": found}, file)
    return found


def prompts_of(pairs: range, seeds: int, run: Run, sides: tuple[int, ...] = (0, 1)) -> PredictFor:
    """Return the guided prediction of so many seeds of each of some pairs at once, of both sides or of one."""
    rows = [prompts(k)[j] for k in pairs for _ in range(seeds) for j in sides]

    def predict_for(model: Denoiser) -> Predict:
        clip, equal = get_clip("auto", model.schedule), 2 if run.equalize_guidance else 1
        return cfg(model, rows, run.guidance, clip=clip, views_per_image=equal)

    return predict_for


def apart(folder: Path, steps: int, seeds: int) -> Tensor:
    """Two pictures for each pair, painted apart, one for each prompt: shaped as `painted`."""
    file = folder / "apart.safetensors"
    if file.exists():
        return load_file(file)["views"]
    run = RUNS["rotate_cw, x0"]
    model, sides = load(run.model), []
    views, at_once = Anagram(model.shape, [get_view("identity")]), 20 if model.device.type == "cuda" else 1
    for j in (0, 1):
        rows = []
        for begin in range(0, len(PAIRS), at_once):
            some = range(begin, min(begin + at_once, len(PAIRS)))
            sampler = JointSampler(prompts_of(some, seeds, run, (j,)), steps)
            rngs = [torch.Generator().manual_seed(1000 * j + seed) for _ in some for seed in range(seeds)]
            rows.append(last(sampler.sample(model, views, rngs)).canvas.cpu().unflatten(0, (len(some), seeds)))
        sides.append(torch.cat(rows))
    found = bytes_of(torch.stack(sides, 2))
    save_file({"views": found}, file)
    return found


def bytes_of(x: Tensor) -> Tensor:
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def cosines(clip_model: Clip, views: Tensor, pairs: range | None = None) -> Tensor:
    """Of each view of all or some of the pairs with the 100 choices, its own prompt's two first: (pairs, seeds, 2, 100)."""
    seeds, rows = views.shape[1], []
    for k, some in zip(pairs or range(len(views)), views, strict=True):
        texts = clip_model.encode_texts([*prompts(k), *distractors(STYLES[k % len(STYLES)])])
        pictures = to_pil(some.flatten(0, 1).float() / 127.5 - 1)
        rows.append((clip_model.encode_images(pictures) @ texts.T).view(seeds, 2, -1))
    return torch.stack(rows)


def ranks(found: Tensor) -> Tensor:
    """The place of each view's own prompt among the 100: (pairs, seeds, 2), 0 is first."""
    own = torch.stack([found[..., 0, 0], found[..., 1, 1]], -1)[..., None]
    return (found > own).sum(-1)


def alignment(found: Tensor) -> Tensor:
    return torch.minimum(found[..., 0, 0], found[..., 1, 1])


def row(name: str, place: Tensor, clip_model: str) -> dict[str, Any]:
    """Shares of pictures (pairs, seeds, 2), with standard errors over pairs."""
    measured: dict[str, Any] = {"what": name, "clip_model": clip_model, "pictures": place.shape[0] * place.shape[1]}
    for k in (5, 1):
        by_pair = (place < k).all(-1).double().mean(1)
        measured[f"both in {k}"] = round(by_pair.mean().item(), 3)
        measured[f"± {k}"] = round((by_pair.std() / len(by_pair) ** 0.5).item(), 3) if len(by_pair) > 1 else 0.0
    return measured


def searched(place: Tensor, score: Tensor) -> Tensor:
    """The places of the seed that another CLIP model likes best: (pairs, 1, 2)."""
    best = score.argmax(1)
    return place[torch.arange(len(place)), best][:, None]


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    p = argparse.ArgumentParser(description=__doc__)
    add_arguments(p, "anagrams")
    p.add_argument("--only", nargs="*", default=list(RUNS), help="some of the runs, by their names")
    a = p.parse_args(given)
    if a.tiny:
        del PAIRS[2:]
        RUNS.update({name: replace(run, pairs=2, seeds=2) for name, run in RUNS.items()})
    steps = 2 if a.tiny else STEPS
    record = Record("anagrams", a.out, a.budget, {"steps": steps, "choices": CHOICES, "pairs": len(PAIRS)})
    clip_models = {name: Clip(name) for name in ("bundled", "bundled-grayscale")}
    two = apart(a.out, steps, 2 if a.tiny else 4)
    mean = bytes_of((two.float() / 127.5 - 1).mean(2, keepdim=True)).expand_as(two)
    table = []
    for name, views in {"painted apart (ceiling)": two, "their average (floor)": mean}.items():
        table += [row(name, ranks(cosines(clip_model, views)), clip_model.name) for clip_model in clip_models.values()]
    for name in a.only:
        if not record.has_time():
            break
        views = painted(a.out, name, steps)
        found = {key: cosines(clip_model, views) for key, clip_model in clip_models.items()}
        for key, other in (("bundled", "bundled-grayscale"), ("bundled-grayscale", "bundled")):
            place = ranks(found[key])
            table.append(row(name, place, clip_models[key].name))
            if place.shape[1] >= 16:
                table.append(row(f"{name}, best of 16", searched(place, alignment(found[other])), clip_models[key].name))
        some = views[:, :4]
        labels = [prompt for k in range(len(some)) for _ in range(some.shape[1]) for prompt in prompts(k)]
        sheet = a.out / f"{name.replace(', ', '-').replace(' ', '_')}.jpg"
        save_sheet(sheet, to_pil(some.flatten(0, 2).float() / 127.5 - 1), labels, 8, 128)
        record.keep(rows=table)
    print("\t".join(table[0]), *("\t".join(map(str, r.values())) for r in table), sep="\n")
    return table


if __name__ == "__main__":
    main()

"""How good is score distillation, how well does it edit, and what does it cost? On the bundled models.

PYTHONPATH=. python benchmarks/distill.py {quality,editing,cost,tune} … [--out DIR] [--quick]: tab-separated tables, with the
same as JSON and the pictures in DIR. quality: 20 held-out prompts, 2 seeds, ranks among 100 captions, beside plain sampling
and renders of the same prompts; tune: other settings on 12 other prompts. editing and cost: their own files here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import distill_cost
import distill_editing
import torch
from PIL.Image import Image

import synoptic
from bundled_training.evaluate.renders import Renders, held_out
from bundled_training.render.captions import Spec
from synoptic.distillation.loss_defaults import loss_defaults, native_space
from synoptic.io import image_grid, save_image, to_pil
from synoptic.metrics.base import mean_error
from synoptic.metrics.clip import Clip
from synoptic.metrics.retrieval import ranks
from synoptic.metrics.saturation import saturation
from synoptic.models.registry import resolve
from synoptic.runs.manifest import Run

LOSSES = "sds", "csd", "nfsd", "vsd"
SIDE = {"bundled": 256, "bundled-if": 64}
LEARNT: tuple[tuple[float, float, int, float, int], ...] = (  # VSD's guidance, student's rate and steps, rate, steps
    (2, 1e-3, 1, 1, 500),
    (1.5, 3e-3, 1, 1, 500),
    (1, 3e-3, 1, 1, 500),
    (2, 3e-3, 1, 1, 500),
    (3, 3e-3, 1, 1, 500),
    (2, 1e-3, 2, 1, 500),
    (2, 1e-3, 1, 1, 1000),
    (4, 1e-3, 1, 1, 500),
    (2, 1e-3, 1, 0.3, 500),
    (1, 1e-3, 1, 0.3, 500),
    (4, 1e-3, 1, 0.3, 500),
    (2, 1e-3, 2, 0.3, 500),
    (2, 1e-3, 1, 0.3, 1000),
)
SKETCH = {"init": "sketch", "horizon": 1.0}
TRIED: dict[str, dict[str, Any]] = {  # "rate" multiplies the usual one
    "sds, guidance 4": {"loss": "sds", "guidance_scale": 4},
    "sds, guidance 7.5": {"loss": "sds", "guidance_scale": 7.5},
    "sds, guidance 25": {"loss": "sds", "guidance_scale": 25},
    "sds, guidance 7.5, half the rate": {"loss": "sds", "guidance_scale": 7.5, "rate": 0.5},
    "sds, guidance 7.5, thrice the rate": {"loss": "sds", "guidance_scale": 7.5, "rate": 3},
    "sds, guidance 7.5, variance": {"loss": "sds", "guidance_scale": 7.5, "weight": "variance"},
    "sds, guidance 7.5, sqrt": {"loss": "sds", "guidance_scale": 7.5, "anneal": "sqrt"},
    "csd": {"loss": "csd"},
    "csd, sqrt": {"loss": "csd", "anneal": "sqrt"},
    "csd, sketch": {"loss": "csd", "init": "sketch"},
    "nfsd, guidance 4": {"loss": "nfsd", "guidance_scale": 4},
    "nfsd, guidance 7.5": {"loss": "nfsd", "guidance_scale": 7.5},
    "sds, guidance 7.5, horizon 1": {"loss": "sds", "guidance_scale": 7.5, "horizon": 1.0},
    "sds, guidance 4, horizon 1": {"loss": "sds", "guidance_scale": 4, "horizon": 1.0},
    "sds, sketch": {"loss": "sds", "guidance_scale": 7.5} | SKETCH,
    "vsd, sketch, guidance 2": {"loss": "vsd", "guidance_scale": 2, "student_lr": 1e-3} | SKETCH,
    "vsd, sketch, guidance 4": {"loss": "vsd", "guidance_scale": 4, "student_lr": 1e-3} | SKETCH,
    "vsd, sketch, to 500": {"loss": "vsd", "guidance_scale": 2, "student_lr": 1e-3, "t_max": 500} | SKETCH,
    **{
        f"vsd, guidance {g:g}, student {own:g} x {times}, rate {lr:g}, {steps} steps": {
            "loss": "vsd",
            "guidance_scale": g,
            "student_lr": own,
            "student_steps": times,
            "rate": lr,
            "steps": steps,
            "horizon": 1.0,
        }
        for g, own, times, lr, steps in LEARNT
    },
}


class Scorer:
    """The CLIP models, and a hundred captions that the pictures' prompts are among."""

    def __init__(self, every: Sequence[Spec]) -> None:
        self.captions = [spec.caption for spec in every]
        self.clip_models = {name: Clip(name) for name in ("bundled", "bundled-grayscale")}
        self.texts = {name: clip_model.encode_texts(self.captions) for name, clip_model in self.clip_models.items()}

    def row(self, name: str, prompts: Sequence[str], pictures: Sequence[Image], seconds: float = 0.0) -> dict[str, Any]:
        """What is measured of pictures, one of each prompt or several; errors over the pictures."""
        right = torch.tensor([self.captions.index(prompt) for prompt in prompts])
        found: dict[str, Any] = {"pictures": name}
        for clip_model, clip in self.clip_models.items():
            cosines = clip.encode_images(list(pictures)) @ self.texts[clip_model].T
            place = ranks(cosines, right)
            for k in (1, 5):
                found[f"top-{k}, {clip_model}"] = (place < k).double().mean().item()
            found[f"score, {clip_model}"], found[f"± {clip_model}"] = mean_error(
                cosines.gather(1, right[:, None])[:, 0].tolist()
            )
        found["saturation"], found["± saturation"] = mean_error([saturation(picture) for picture in pictures])
        return found | {"seconds": seconds}


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    made = act()
    return made, time.perf_counter() - begin


def made(out: Path, name: str, prompts: list[str], model: str, how: dict[str, Any]) -> Run:
    """Return one run; `rate` multiplies the default one."""
    how = dict(how)
    checkpoint = resolve(model)
    if rate := how.pop("rate", None):
        how["lr"] = rate * loss_defaults(checkpoint, how["loss"], native_space(checkpoint)).lr
    folder = out / model / name.replace(", ", "-").replace(" ", "_")
    return synoptic.run("distill", *prompts, model=model, out=str(folder), **how)


def quality(out: Path, quick: bool, models: Sequence[str], tune: bool, only: Sequence[str]) -> None:
    """A row a way to make pictures, for each model; the sheet has one picture of each prompt, a row a way."""
    every = held_out(100, 71)
    if tune:
        others = {spec.caption for spec in every}
        every = [spec for spec in held_out(150, 72) if spec.caption not in others][:100]
    specs = every[: 2 if quick else 12 if tune else 20]
    prompts, seeds = [spec.caption for spec in specs], 1 if tune else 2
    scorer = Scorer(every)
    kind, ways = ("tune" if tune else "quality"), TRIED if tune else {loss: {"loss": loss} for loss in LOSSES}
    each: dict[str, Any] = {"count": seeds} | ({"steps": 4} if quick else {})
    ways = {name: how | each for name, how in ways.items() if name.startswith(tuple(only))}
    for model in models:
        table, sheet = [], []

        def note(
            name: str, texts: Sequence[str], pictures: Sequence[Image], seconds: float, model=model, table=table
        ) -> None:
            row = scorer.row(name, texts, pictures, seconds) | {"model": model}
            table.append(row)
            print("\t".join(f"{v:.3f}" if isinstance(v, float) else v for v in row.values()), flush=True)
            (out / f"{kind}-{model}.json").write_text(json.dumps(table, indent=1) + "\n")

        print("\t".join(scorer.row("", prompts[:1] * 2, [to_pil(torch.zeros(1, 3, 96, 96))[0]] * 2)))
        again = [spec for spec in specs for _ in range(seeds)]
        renders = Renders(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        real = to_pil(renders(again, SIDE[model], 5) * 2 - 1)
        note("renders", [spec.caption for spec in again], real, 0.0)
        plain, seconds = timed(
            lambda m=model: synoptic.run(
                "generate", *prompts, count=seeds, model=m, upscalers="none", out=str(out / kind / m / "plain")
            )
        )
        note("plain", [p.prompt for p in plain.pictures], plain.images, seconds)
        sheet += real[::seeds] + plain.images[::seeds]
        for name, how in ways.items():
            run, seconds = timed(lambda m=model, n=name, h=how: made(out / kind, n, prompts, m, h))
            note(name, [p.prompt for p in run.pictures], run.images, seconds)
            sheet += run.images[::seeds]
        labels = [f"{way}: {prompt}"[:40] for way in ("render", "plain", *ways) for prompt in prompts]
        save_image(out / f"{kind}-{model}.png", image_grid(sheet, labels, len(prompts), cell=128), {})


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="+", choices=("quality", "editing", "cost", "tune"))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/distill"))
    parser.add_argument("--models", nargs="+", default=list(SIDE), choices=list(SIDE))
    parser.add_argument("--only", nargs="+", default=[""], help="of quality and tune: ways that begin like one of these")
    parser.add_argument("--quick", action="store_true", help="a few steps of two prompts, to see that it runs")
    args = parser.parse_args(given)
    args.out.mkdir(parents=True, exist_ok=True)
    for what in args.what:
        _, seconds = timed(
            lambda what=what: {
                "quality": lambda: quality(args.out, args.quick, args.models, False, args.only),
                "tune": lambda: quality(args.out, args.quick, args.models, True, args.only),
                "editing": lambda: distill_editing.measure(args.out, args.quick),
                "cost": lambda: distill_cost.measure(args.out, args.quick, args.models),
            }[what]()
        )
        print(f"# {what}: {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()

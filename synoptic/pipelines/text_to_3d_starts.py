"""How a dream grows: several short starts, of which the best goes on, each looked at on its way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from synoptic.options.text_to_3d import SHARE, Usual

if TYPE_CHECKING:
    from synoptic.metrics.clip import Clip
    from synoptic.models.base import Denoiser
    from synoptic.nerf.diagnostics import FieldDiagnostics
    from synoptic.nerf.scene import RadianceScene

STATE, HEALTH, PREVIEW = "state.safetensors", "health.json", "preview.png"


class Grown(NamedTuple):
    """A scene from one seed, and what was seen of it: the last FieldDiagnostics is how it is."""

    seed: int
    scene: RadianceScene
    past: list[FieldDiagnostics]


class Dream(NamedTuple):
    """What is to be grown, by what, and where; `phrase` is how the model says a view, `tick` is called after each step."""

    settings: dict[str, Any]
    usual: Usual
    model: Denoiser
    judge: Clip
    prompt: str
    phrase: str
    folder: Path
    tick: Callable[[], None]


def length(settings: dict[str, Any]) -> int:
    """The steps of one prompt: all of the best start's, and those of the others."""
    return settings["steps"] + (settings["seeds"] - 1) * short(settings)


def short(settings: dict[str, Any]) -> int:
    return settings["steps"] // SHARE


def best(dream: Dream) -> tuple[Grown, dict[int, float]]:
    """The start that grew to the end, and what the judge said of all when they were short: {seed: score}."""
    from synoptic.nerf.diagnostics import find_problem

    settings, seeds = dream.settings, range(dream.settings["seed"], dream.settings["seed"] + dream.settings["seeds"])
    scores: dict[int, float] = {}
    if len(seeds) > 1:
        for seed in seeds:
            past = [h for h in grow(dream, seed, short(settings)).past if h.step <= short(settings)]
            scores[seed] = -1.0 if find_problem(past, settings["steps"]) else past[-1].score
            say(f"{dream.prompt}, seed {seed}: a start of {short(settings)} steps, score {scores[seed]:.2f}")
    chosen = max(seeds, key=lambda seed: scores.get(seed, 0.0))
    return grow(dream, chosen, settings["steps"], begun=short(settings) if scores else 0), scores


def grow(dream: Dream, seed: int, until: int, begun: int = 0) -> Grown:
    """From where an earlier process left it, up to `until` steps, or to where it is not well.

    A state is kept now and then, and at the end: who goes on from it goes on to the bit. The first `begun` were counted.
    """
    import torch

    from synoptic.distillation.optimize import OptimStep, optimize
    from synoptic.nerf.diagnostics import diagnose_views, find_problem
    from synoptic.pipelines.text_to_3d_loss import drawn, framed, planted, pulled, rate
    from synoptic.runs.loop_checkpoint import Saved

    settings, usual, m, prompt = dream.settings, dream.usual, dream.model, dream.prompt
    steps, every = settings["steps"], settings["every"]
    folder = dream.folder / f"start_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    saved = Saved(folder / STATE)
    state = saved.state()
    done = int(state["i"]) + 1 if state else 0
    past = [h for h in remembered(folder / HEALTH) if h.step <= done]

    rng = torch.Generator().manual_seed(seed)
    scene = planted(settings, usual, rng).to(m.device)
    rngs = drawn(rng, settings["batch"])
    loss, learner, student = pulled(settings, usual, m, prompt, dream.phrase, rng)
    adam = partial(torch.optim.Adam, eps=1e-15)
    how: dict[str, Any] = {
        "steps": done if find_problem(past, steps) else until,
        "lr": rate(settings["lr"], steps),
        "rngs": rngs,
        "learner": learner,
    }
    coming = optimize(scene, loss, framed(m), **how, optimizer=adam, state=state)

    def kept(fitted: OptimStep) -> dict[str, torch.Tensor]:
        preview(dream, scene, seed, fitted.i + 1)
        return fitted.state()

    for _ in range(begun, min(done, until)):
        dream.tick()
    last = None
    try:
        for last in saved.watch(coming, kept):
            step = last.i + 1
            dream.tick()
            if step % every == 0 or step == until:
                past.append(diagnose_views(scene, step, dream.judge, prompt))
                remember(folder / HEALTH, past)
                preview(dream, scene, seed, step)
                say(f"{prompt}, seed {seed}, {told(past[-1])}")
                if find_problem(past, steps):
                    break
        if last:
            saved.keep(last.state())
    finally:
        if student:
            student.remove()
    return Grown(seed, scene, past)


def preview(dream: Dream, scene: RadianceScene, seed: int, step: int) -> None:
    """preview.png in the dream's folder: four sides, from above, and normals."""
    from synoptic import io
    from synoptic.nerf.contact_sheet import FOUR_SIDES, contact_sheet

    shown = contact_sheet(scene, FOUR_SIDES, f"step {step},", side=48)
    io.save_image(dream.folder / PREVIEW, shown, {"prompt": dream.prompt, "seed": seed, "step": step})


def told(health: FieldDiagnostics) -> str:
    """A line for people."""
    seen = f"opacity {health.opacity:.2f}, entropy {health.entropy:.2f}, score {health.score:.2f}"
    return f"step {health.step}: {seen}, front right back left look like {' '.join(health.likeliest_views)}"


def remember(file: Path, past: list[FieldDiagnostics]) -> None:
    from synoptic.io import atomic_write

    text = json.dumps([h._asdict() for h in past], indent=1)
    atomic_write(file, lambda f: f.write(text.encode()))


def remembered(file: Path) -> list[FieldDiagnostics]:
    from synoptic.nerf.diagnostics import FieldDiagnostics

    rows = json.loads(file.read_text()) if file.exists() else []
    return [FieldDiagnostics(**row | {"likeliest_views": tuple(row["likeliest_views"])}) for row in rows]


def say(line: str) -> None:
    print(line, file=sys.stderr)

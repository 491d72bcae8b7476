"""Editing a picture by a prompt: noised part of the way and denoised (SDEdit, Meng et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import InputError, check_at_least, check_at_most
from synoptic.options.common import (
    Clip,
    Count,
    Device,
    Dtype,
    Embeddings,
    Eta,
    Guidance,
    Model,
    Negative,
    Out,
    Sampler,
    Seed,
    Steps,
    Trace,
)
from synoptic.options.control import PLAIN, Nets, guides
from synoptic.options.input_image import GENERAL, Given, Picture, Prompt, Size, given
from synoptic.options.resolve import settle, warn_unknown
from synoptic.runs.manifest import Result, open_run, slug

if TYPE_CHECKING:
    from PIL.Image import Image

Start = Annotated[
    list[int] | None, "the step to start from: 0 paints all anew, later ones keep more; several make one figure"
]
Strength = Annotated[float | None, "or the share of the steps to take: near 0 keeps all, 1 paints all anew (default: 0.6)"]

Kept = Annotated[list[str] | None, "follow the picture's own canny edges or scribble by a ControlNet too (default: none)"]

STRENGTH = 0.6


@dataclass(frozen=True)
class Edits:
    """One picture edited from several starts: a row (start, seed, PSNR to the original, score) each, and the figure."""

    rows: list[tuple[int, int, float, float | None]]
    images: list[Image]
    file: Path

    def __str__(self) -> str:
        lines = ["start\tseed\tPSNR\tscore"]
        for start, seed, psnr, score in self.rows:
            lines.append(f"{start}\t{seed}\t{psnr:.2f}\t" + ("" if score is None else f"{score:.3f}"))
        return "\n".join([*lines, str(self.file)])


def edit(
    image: Picture,
    prompt: Prompt = GENERAL,
    *,
    start: Start = None,
    strength: Strength = None,
    condition: Kept = None,
    controlnet: Nets = None,
    size: Size = None,
    steps: Steps = None,
    guidance: Guidance = None,
    negative: Negative = "",
    sampler: Sampler = "ddim",
    eta: Eta = 0.0,
    clip: Clip = "auto",
    seed: Seed = 1,
    count: Count = 1,
    model: Model = "bundled",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    trace: Trace = False,
    out: Out = None,
) -> Result | Edits:
    """Turn a picture, a photograph or a drawing, into what the prompt says: part of its noise is added, and taken away.

    synoptic edit horse.png "an oil painting of a horse" --start 1 3 5 7 10 20
    """
    source, settings = settle(locals())
    begin(settings)
    guide = guides(source, settings | PLAIN) if condition else None
    picture = given(source, settings)
    if len(settings["start"] or []) > 1:
        return several(settings, picture, out, trace)
    run = open_run("edit", settings, out)
    picture.keep(run)
    follow = guide.onto(picture, run) if guide else None
    warn_unknown(source, settings["prompt"])

    from synoptic.diffusion import solvers
    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.runs.execute import execute
    from synoptic.sampling.joint import joint_predict
    from synoptic.sampling.sdedit import sdedit, start_index

    n = settings["steps"]
    first = settings["start"][0] if settings["start"] else start_index(settings["strength"], n)

    def paint(m, prompts, rngs):
        s, told = m.schedule, follow(m) if follow else m
        predict = joint_predict(cfg(told, prompts, settings["guidance"], negative, clip=get_clip(clip, s)), s, picture.views)
        x0 = picture.encode(m).expand(len(rngs), -1, -1, -1)
        how = {"steps": solvers.timestep_pairs(sampler, s, n), "solver": solvers.get_solver(sampler, eta), "rngs": rngs}
        return sdedit(predict, s, x0, start=first, **how)

    return execute(run, source, paint, picture.decode, views=len(picture.views), steps=n - first, trace=trace)


def begin(settings: dict[str, Any]) -> None:
    """Check where the edit starts, and fill in the strength where nothing was said. Raises InputError on a broken rule."""
    starts, strength = settings["start"], settings["strength"]
    if starts and strength is not None:
        raise InputError(f"--start and --strength say the same thing, {starts} and {strength} were given: leave one away")
    for start in starts or []:
        check_at_least("--start", start, 0)
        check_at_most("--start, of so many --steps,", start, settings["steps"] - 1)
    if starts:
        settings["start"] = list(dict.fromkeys(starts))
        return
    settings["strength"] = STRENGTH if strength is None else strength
    if not 0 < settings["strength"] <= 1:
        raise InputError(f"--strength must be above 0 and at most 1, {strength} was given: change it")


def several(settings: dict[str, Any], picture: Given, out: str | None, trace: bool) -> Edits:
    """The same edit from every start, each a run in a folder of its own; the figure ends with the original."""
    from synoptic import io
    from synoptic.metrics.fidelity import psnr

    (prompt,) = settings["prompt"]
    folder = Path(out or f"outputs/edit/{slug(prompt)[:40]}-{slug(Path(settings['image']).stem)[:40]}").expanduser()
    runs = {}
    for start in settings["start"]:
        asked: dict[str, Any] = settings | {"prompt": prompt, "start": [start], "out": str(folder / f"start-{start}")}
        runs[start] = edit(**asked, trace=trace)
    rows, shown, labels = [], [], []
    for k in range(settings["count"]):
        for start, result in runs.items():
            item = result.run.pictures[k]
            rows.append((start, item.seed, psnr(result.images[k], picture.image), item.score))
            shown.append(result.images[k])
            labels.append(f"start {start}")
        shown.append(picture.image)
        labels.append("original")
    io.save_image(folder / "edits.png", io.image_grid(shown, labels, len(runs) + 1), {"settings": settings})
    edits = Edits(rows, shown, folder / "edits.png")
    io.atomic_write(folder / "edits.tsv", lambda f: f.write(f"{edits}\n".encode()))
    return edits

"""From words to an object: a radiance field that a picture model likes from all sides (Poole et al. 2023, DreamFusion)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synoptic.models.registry import Checkpoint
from synoptic.options.common import Device, Dtype, Model, Out
from synoptic.options.resolve import warn_unknown
from synoptic.options.speed import Compile
from synoptic.options.text_to_3d import (
    Anneal,
    Batch,
    Between,
    Encoding,
    Every,
    First,
    Frames,
    Guidance,
    Judge,
    Last,
    Loss,
    Negative,
    OptimizationFailed,
    PerpNeg,
    Rate,
    Resolution,
    Seed,
    Seeds,
    Steps,
    StudentRate,
    Things,
    ViewGuidance,
    phrase,
    settle,
    usual,
)
from synoptic.pipelines.text_to_3d_starts import HEALTH, PREVIEW, Dream, best, length, remember, remembered, say
from synoptic.runs.manifest import Picture, Result, Run, open_run

if TYPE_CHECKING:
    from synoptic.metrics.clip import Clip

FIELD = "field.safetensors"


def dream(
    prompt: Things,
    *,
    loss: Loss = "sds",
    steps: Steps = None,
    resolution: Resolution = 64,
    guidance: Guidance = None,
    lr: Rate = None,
    student_lr: StudentRate = 1e-4,
    t_min: First = None,
    t_max: Last = None,
    anneal: Anneal = "auto",
    encoding: Encoding = "hash",
    batch: Batch = 1,
    negative: Negative = "",
    perp_neg: PerpNeg = None,
    view_guidance: ViewGuidance = None,
    between: Between = "auto",
    seeds: Seeds = 1,
    seed: Seed = 0,
    every: Every = 100,
    judge: Judge = "auto",
    frames: Frames = 90,
    compile: Compile = False,
    model: Model = "bundled-if",
    device: Device = "auto",
    dtype: Dtype = "auto",
    out: Out = None,
) -> Result:
    """Make an object out of words: a radiance field, a film and a page to turn it on, a mesh, and what they are worth.

    While it grows, preview.png in the prompt's folder shows it from all sides. A killed run goes on to the bit. What does
    not grow well stops early and says why (exit code 1); all that there is of it is saved.

    synoptic dream "a red mug" --seeds 3
    synoptic dream "a corgi made of wood" --model if --steps 10000
    """
    origin, settings = settle(dict(locals()))
    run = open_run("dream", settings, out)
    warn_unknown(origin, settings["prompt"])

    from synoptic import io
    from synoptic.metrics.clip import Clip
    from synoptic.nerf.diagnostics import find_problem
    from synoptic.runs.execute import inside, opened
    from synoptic.runs.progress import bar

    m, clock = opened(run, origin)
    watching = Clip(settings["judge"], settings["device"])
    judges = [watching, Clip("bundled-grayscale", settings["device"])] if origin.is_bundled else [watching]
    missing = [picture for picture in run.pictures if not (run.folder / picture.file).exists()]
    with bar(run.recipe, len(missing) * length(settings)) as tick:
        for picture in missing:
            what = Dream(settings, usual(origin), m, watching, picture.prompt, phrase(origin), place(run, picture), tick)
            with clock("grow"):
                grown(what)
            with clock("deliver"):
                delivered(what, origin, judges, run.folder / picture.file, inside(run, picture))
    wrong = {p.prompt: find_problem(remembered(place(run, p) / HEALTH), settings["steps"]) for p in run.pictures}
    why = "; ".join(f"{name}: {said}" for name, said in wrong.items() if said)
    scored(run, judges[-1].name)
    run.state = f"unwell: {why}" if why else "done"
    run.write()
    result = Result([io.load_image(run.folder / p.file) for p in run.pictures], run)
    if why:
        raise OptimizationFailed(f"{why} (what there is of it: {run.folder})", result)
    return result


def place(run: Run, picture: Picture) -> Path:
    """Where all but the sheet of a picture lies."""
    return run.folder / picture.file.removesuffix(".png")


def grown(dream: Dream) -> None:
    """field.safetensors and health.json in the dream's folder, unless they are there."""
    from synoptic.io import atomic_write
    from synoptic.nerf.serialization import to_bytes
    from synoptic.pipelines.text_to_3d_loss import samples

    if (dream.folder / FIELD).exists():
        return
    (seed, scene, past), scores = best(dream)
    remember(dream.folder / HEALTH, past)
    told = {"prompt": dream.prompt, "seed": seed, "scores": scores}
    data = to_bytes(scene, dream.settings["encoding"], samples(dream.settings), told)
    atomic_write(dream.folder / FIELD, lambda f: f.write(data))


def delivered(dream: Dream, origin: Checkpoint, judges: list[Clip], file: Path, inside: dict[str, Any]) -> None:
    """The films, the mesh and the report in the dream's folder, then its sheet; what was only for the growing goes."""
    from synoptic.io import save_image
    from synoptic.mesh.export_bundle import export_bundle
    from synoptic.nerf.contact_sheet import EIGHT_SIDES, contact_sheet
    from synoptic.nerf.serialization import load_scene

    scene = load_scene(dream.folder / FIELD).to(dream.model.device)
    among = captions() if origin.is_bundled else ()
    how: dict[str, Any] = {"clip_models": judges, "other_captions": among, "frames": dream.settings["frames"], "log": say}
    export_bundle(scene, dream.folder, dream.prompt, **how)
    save_image(file, contact_sheet(scene, EIGHT_SIDES), inside)
    (dream.folder / PREVIEW).unlink(missing_ok=True)
    for start in dream.folder.glob("start_*"):
        shutil.rmtree(start)


def captions() -> list[str]:
    """Every thing that the bundled models know from all sides, in every colour."""
    from synoptic.models.vocabulary import vocabulary
    from synoptic.nerf.diagnostics import CAPTION_TEMPLATE

    known = vocabulary()["prompts"]
    return [
        CAPTION_TEMPLATE.format(f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {thing}")
        for thing in known["3D objects"]
        for colour in known["colours"]
    ]


def scored(run: Run, judge: str) -> None:
    """What this judge said in the reports, into the run."""
    for picture in run.pictures:
        report = json.loads((place(run, picture) / "report.json").read_text())
        picture.score = report.get("judges", {}).get(judge, {}).get("score")
    known = [picture.score for picture in run.pictures if picture.score is not None]
    run.scores = {"clip_score": round(sum(known) / len(known), 4), "judge": judge} if known else {}

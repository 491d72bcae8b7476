"""A run's pictures, painted by the workers of an engine: each is a job of its own, and the run finds them painted.

What the run does then, scores, comparisons, films and the manifest, is what it always does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from synoptic import io
from synoptic.io.progress import progress_bar
from synoptic.jobs.driver import drive
from synoptic.jobs.placing import needs_of
from synoptic.jobs.planning import Job, group_of
from synoptic.jobs.records import inputs_key, read_record
from synoptic.jobs.run import ENGINES
from synoptic.jobs.store import LocalStore
from synoptic.metrics.clip import Clip
from synoptic.options import options_class
from synoptic.options.base import Item
from synoptic.options.batch import BatchOptions
from synoptic.options.joint import SyncOptions
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.joint import SEARCHED_BY, JointPipeline
from synoptic.runs.errors import RunFailed
from synoptic.runs.execute import carry_out
from synoptic.runs.folders import MANIFEST, check_folder, folder_of
from synoptic.runs.manifest import Run, open_run, pictures_of
from synoptic.runs.plan import unloaded_pipeline
from synoptic.runs.search import found_seeds, searched_items, write_search
from synoptic.sampling.seed_search import SCREENING_STEPS, search_rounds
from synoptic.utils.counted import counted
from synoptic.utils.streams import error_stream

if TYPE_CHECKING:
    from PIL.Image import Image

PARTS = "parts"  # the folder of the jobs in that of a run, while they last
Call = tuple[str, tuple[str, ...], dict[str, object]]  # an application, its values, its options


class Part(NamedTuple):
    """One picture of a run, as a run of its own."""

    options: ModelOptions
    path: str


def runs_of(calls: Sequence[Call], engine: BatchOptions | None = None) -> Iterator[Run]:
    """Yield the runs of calls, one after another, their pictures painted by an engine's workers if one is given."""
    asked = [options_class(name).from_arguments(*values, **options).prepare() for name, values, options in calls]
    if engine is not None:
        paint([options for options in asked if isinstance(options, ModelOptions)], engine)
    for options in asked:
        yield carry_out(options)


def paint(asked: Sequence[ModelOptions], engine: BatchOptions) -> None:
    """Paint what is missing of prepared runs by an engine's workers. What fails there is left to the run itself."""
    for options in asked:
        if isinstance(options, SyncOptions) and options.seed_search:
            search(options, engine)
    runs = [open_run(one, folder) for options in asked for one, folder in each_run(options)]
    for run in runs:
        run.pictures = pictures_of(searched_items(run.folder, run.options), run.folder)
    parts = {run.folder: missing_parts(run) for run in runs}
    if not any(parts.values()):
        return
    top = folder_of(asked[0]) / PARTS
    work = [part._replace(path=f"{k}/{part.path}") for k, run in enumerate(runs) for part in parts[run.folder]]
    drive_parts(work, top, engine)
    for k, run in enumerate(runs):
        for item, picture in zip(searched_items(run.folder, run.options), run.pictures, strict=True):
            lift(top / str(k) / item.stem, run, picture.file)
    shutil.rmtree(top, ignore_errors=True)


def each_run(options: ModelOptions) -> list[tuple[ModelOptions, Path]]:
    """Return the runs that options stand for, their variants if there are any, each with its folder."""
    folder = folder_of(options)
    return [(one, folder / name) for name, one in options.variants().items()] or [(options, folder)]


def missing_parts(run: Run) -> list[Part]:
    """Return the pictures that a run lacks, where each can be a run of its own; [] where they cannot."""
    assert isinstance(run.options, ModelOptions)
    parts = []
    for item in searched_items(run.folder, run.options):
        options = single(run.options, item)
        if options is None:
            return []
        if not (run.folder / f"{item.stem}.png").exists():
            parts.append(Part(options, item.stem))
    return parts


def single(options: ModelOptions, item: Item) -> ModelOptions | None:
    """Return the options of a run that paints one item of another; None where there are none such."""
    names = {spec.name for spec in options.specs()}
    if not {"seed", "count"} <= names:
        return None
    own: dict[str, object] = {"seed": item.seed, "count": 1}
    if "seed_search" in names:
        own["seed_search"] = 0
    prompt = getattr(options, "prompt", None)
    if isinstance(prompt, tuple) and prompt != item.prompts:
        own["prompt"] = item.prompts
    found = replace(options, out=None, **own)  # pyright: ignore[reportCallIssue]
    alone = found.items()
    return found if [(one.prompts, one.seed) for one in alone] == [(item.prompts, item.seed)] else None


def drive_parts(parts: Sequence[Part], top: Path, engine: BatchOptions) -> None:
    """Carry out parts in folders below `top`, those that are not done; each has a line on the error stream's bar."""
    jobs = [job_of(part) for part in parts]
    store = LocalStore(top)
    todo = [job for job in jobs if record_of(store, job) != "done"]
    if not todo:
        return
    top.mkdir(parents=True, exist_ok=True)
    workers = import_module(ENGINES[engine.engine]).build(replace(engine, out=str(top)), todo, needs_of(todo, {}))
    print(f"{counted(len(todo), 'picture')}, {workers.count} at once", file=error_stream())
    try:
        with progress_bar("pictures", len(todo), unit="picture") as tick:
            drive(todo, workers, lambda *_: tick())
    finally:
        workers.close()


def record_of(store: LocalStore, job: Job) -> str:
    return read_record(lambda name: store.read(f"{job.path}/{name}"), job.inputs).state


def job_of(part: Part) -> Job:
    """Return a part as a job."""
    options = part.options
    given = {spec.name: value for spec in options.specs() if (value := getattr(options, spec.name)) is not None}
    return Job(0, options.application(), given, part.path, group_of(options), inputs_key(options.input_hashes()))


def lift(made: Path, run: Run, file: str) -> None:
    """Put what a job made of one picture into the folder of its run, the picture last, as the run would have saved it."""
    manifest = made / MANIFEST
    if not manifest.exists() or (run.folder / file).exists():
        return
    written = json.loads(manifest.read_text("utf-8"))
    (picture,) = written["pictures"]
    (own,) = [one for one in run.pictures if one.file == file]
    own.figures, run.model = picture["figures"], written["model"]
    run.shared_by = max(run.shared_by, written["shared_by"])
    stem, there = Path(picture["file"]).stem, Path(file).stem
    (run.folder / file).parent.mkdir(parents=True, exist_ok=True)
    for beside in made.glob(f"{stem}.*"):
        if beside.name != picture["file"]:
            shutil.copy(beside, run.folder / f"{there}{beside.name.removeprefix(stem)}")
    run.write()
    io.save_image(run.folder / file, io.load_image(made / picture["file"]), run.inside(own))


def search(options: SyncOptions, engine: BatchOptions) -> None:
    """Search seeds as `--seed-search` does, every seed's picture painted by the workers, and keep what it found."""
    folder = folder_of(options)
    if found_seeds(folder, options) is not None:
        return
    check_folder(options, folder)
    top, clip = folder / PARTS, Clip(SEARCHED_BY)
    pipeline = unloaded_pipeline(options)
    assert isinstance(pipeline, JointPipeline)
    whole = replace(options, seed_search=0, count=1, upscalers=("none",), out=None)
    quick = replace(whole, steps=SCREENING_STEPS, sampler="dpm++", eta=0.0)

    def scores_of(seeds: Sequence[int], screening: bool) -> Tensor:
        chosen, name = (quick, "quick") if screening else (whole, "whole")
        parts = [Part(replace(chosen, seed=seed), f"{name}/{seed}") for seed in seeds]
        drive_parts(parts, top, engine)
        return pipeline.search_scores(clip, [picture_of(top / part.path) for part in parts])

    seeds = range(options.seed, options.seed + options.seed_search)
    write_search(folder, list(search_rounds(scores_of, seeds, options.steps, keep=options.count)))
    shutil.rmtree(top, ignore_errors=True)


def picture_of(made: Path) -> Image:
    """Return the picture of a job. Raises RunFailed where it has come to nothing."""
    record = read_record(LocalStore(made).read)
    if record.state != "done":
        raise RunFailed(f"the search of seeds lacks a picture ({record.message or 'its worker was lost'})", None)
    return io.load_image(made / record.pictures[0])

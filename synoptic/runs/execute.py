"""Carry out a run: load, sample in batches, save, score. Nothing that was finished is lost or done again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch

import synoptic
from synoptic import io
from synoptic.distributed import broadcast_from_main, is_main_process
from synoptic.errors import InputError, NonFiniteError
from synoptic.io.progress import progress_bar
from synoptic.metrics.clip import reference_clip
from synoptic.models.base import PretrainedModel
from synoptic.models.memory import halves, max_batch_rows
from synoptic.options import application_name, options_class
from synoptic.options.base import Item, Options
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import Output, Pipeline, load_model, pipeline_class
from synoptic.pipelines.base import finish as take_steps
from synoptic.runs.begin import announce, begin_pipeline, warn
from synoptic.runs.errors import RunFailed
from synoptic.runs.files import write_content
from synoptic.runs.finish import compare, finish, finished
from synoptic.runs.folders import folder_of
from synoptic.runs.index import write_index
from synoptic.runs.manifest import Picture, Run, describe_model, open_run, pictures_of
from synoptic.runs.plan import check_memory
from synoptic.runs.recorder import Recorder, recorded
from synoptic.runs.resume import ResumeState, remove_state
from synoptic.runs.search import SEARCH, searched_items, write_search
from synoptic.runs.speed import record_command, record_pictures, record_steps
from synoptic.runs.watch import show_step
from synoptic.sampling.step import Step
from synoptic.utils.timing import Clock, process_age

STARTUP = 60.0  # seconds that a command takes at most before its work begins


class Task(NamedTuple):
    """One picture that a run asks for."""

    run: Run
    item: Item
    picture: Picture

    @property
    def file(self) -> Path:
        return self.run.folder / self.picture.file

    @property
    def is_done(self) -> bool:
        return self.file.exists() and (not self.run.films or recorded(self.file).exists())


def run(application: str, /, *values: object, **options: object) -> Run:
    """Run an application into a folder, as the command line does: `run("wide", prompt="a lake", out="outputs")`."""
    try:
        name = application_name(application, (*synoptic.APPLICATIONS, "train_controlnet"))
        return carry_out(options_class(name).from_arguments(*values, **options).prepare())
    except InputError as e:
        raise e.in_python() from None


def carry_out(options: Options) -> Run:
    """Run prepared options by what carries them out; then outputs/index.html lists it, even where it failed."""
    try:
        return carry_out_unlisted(options)
    finally:
        if is_main_process():
            write_index(folder_of(options))


def carry_out_unlisted(options: Options) -> Run:
    """Run prepared options as `carry_out`, without listing them: of thousands of runs no page is made after each."""
    if isinstance(options, ModelOptions):  # a training has gradients, whose memory is not known
        check_memory(options)
    return executor(options.application())(options)


def executor(application: str) -> Callable[..., Run]:
    """Return what carries out an application's prepared options: its own module in `runs/`, or `execute`."""
    own = f"synoptic.runs.{application}"
    return import_module(own).execute if find_spec(own) else execute


def execute(options: ModelOptions, folder: Path | None = None) -> Run:
    """Run prepared options: every picture, its score, and run.json in the folder. Raises InputError."""
    if options.variants():
        return execute_variants(options)
    run, begin, startup = open_run(options, folder), time.time(), process_age()
    warn(options)
    clock = Clock(run.timings)
    model = open_model(run, clock)
    pipeline = pipeline_class(run.application)(model, options)
    items = choose_items(run, pipeline)
    begin_pipeline(pipeline, run)
    announce(pipeline, run)
    sample_tasks(pipeline, tasks_of(run, items), clock)
    if is_main_process():
        finish(run, pipeline, [i for i in items if f"{i.stem}.png" not in run.failed], clock)
        if startup < STARTUP and not run.kept:  # a command, not a notebook that is open for long
            record_command(pipeline, len(items), startup + time.time() - begin)
    if run.failed:
        raise RunFailed("; ".join(f"{file}: {why}" for file, why in run.failed.items()), run)
    return run


def execute_variants(options: ModelOptions) -> Run:
    """Run every variant into a folder of its own, then show them side by side."""
    run = open_run(options)
    run.pictures = []
    parts = {name: execute(variant, run.folder / name) for name, variant in options.variants().items()}
    if not is_main_process():
        return run
    items, outputs = [], []
    for name, part in parts.items():
        run.pictures += [Picture(f"{name}/{p.file}", p.prompt, p.seed, p.score, p.figures) for p in part.pictures]
        items += [Item((p.prompt,), p.seed, f"{name}/{Path(p.file).stem}") for p in part.pictures]
        outputs += finished(part)
        run.kept += part.kept
        run.model, run.state = part.model, part.state
    compare(run, pipeline_class(run.application)(load_model(options), options), items, outputs)
    run.write()
    return run


def open_model(run: Run, clock: Clock) -> PretrainedModel:
    """Load the run's model, whose name goes into the manifest."""
    assert isinstance(run.options, ModelOptions)
    with clock("load"):
        model = load_model(run.options)
    run.model = describe_model(model)
    run.write()
    return model


def choose_items(run: Run, pipeline: Pipeline[ModelOptions]) -> list[Item]:
    """Return the run's items; after a search of seeds, kept in search.json, the best of them."""
    if not (run.folder / SEARCH).exists():
        search = pipeline.seed_search()
        if search is None:
            return run.options.items()
        with progress_bar("search", 2) as tick:
            rounds = []
            for found in search:
                rounds.append(found)
                tick()
        write_search(run.folder, rounds)
    items = searched_items(run.folder, run.options)
    run.pictures = pictures_of(items, run.folder)
    return items


def tasks_of(run: Run, items: Sequence[Item]) -> list[Task]:
    """Return a run's items, each with the picture that it becomes."""
    return [Task(run, *pair) for pair in zip(items, run.pictures, strict=True)]


def sample_tasks(pipeline: Pipeline[ModelOptions], tasks: Sequence[Task], clock: Clock) -> None:
    """Sample what is missing of one run or several, in batches that fill the model's calls; save each batch as it ends.

    The result does not depend on the batches. Of several processes the first writes.
    """
    rows = max_batch_rows(pipeline.model, pipeline.model.device)
    size = max(1, min(rows // (2 * pipeline.views_per_item), pipeline.max_items or len(tasks)))
    size = int(broadcast_from_main(torch.tensor(size)))
    batches = [tasks[i : i + size] for i in range(0, len(tasks), size)]
    for task in tasks:
        task.run.kept += task.is_done
    lack = broadcast_from_main(torch.tensor([not all(task.is_done for task in batch) for batch in batches]))
    missing = [batch for batch, lacks in zip(batches, lack, strict=True) if lacks]
    with progress_bar(pipeline.options.application(), len(missing) * pipeline.num_steps) as tick:
        while missing:
            batch, *missing = missing
            try:
                sample_batch(pipeline, batch, clock, tick)
            except NonFiniteError as e:
                if len(batch) > 1:  # the others of its batch go on without it
                    missing = [*([task] for task in batch), *missing]
                else:
                    batch[0].run.failed[batch[0].picture.file] = str(e)
            except Exception as e:
                missing = [*halves(batch, e), *missing]


def sample_batch(pipeline: Pipeline[ModelOptions], batch: Sequence[Task], clock: Clock, tick: Callable[[], None]) -> None:
    """Sample a batch from where it was left, save what came of it. Raises NonFiniteError."""
    items, run = [task.item for task in batch], batch[0].run
    for task in batch:
        task.file.parent.mkdir(parents=True, exist_ok=True)
    recorder = Recorder([task.file for task in batch]) if run.films and is_main_process() else None
    resume = ResumeState(run.folder, [os.path.relpath(task.file, run.folder) for task in batch], recorder)
    times: list[float] = []

    def timed_tick() -> None:
        times.append(time.perf_counter())
        tick()

    with clock("sample"):
        outputs = take_steps(watched(pipeline, items, resume, recorder, timed_tick, run))
    if not resume.done:
        record_steps(pipeline, len(items), times)
    if not is_main_process():
        return
    with clock("save"):
        for task, output in zip(batch, outputs, strict=True):
            save(task, output)
    if recorder:
        with clock("trace"):
            clip = reference_clip() if pipeline.model.checkpoint.is_bundled else None
            recorder.write([task.picture.prompt for task in batch], clip)
    if times:
        record_pictures(pipeline, len(items), time.perf_counter() - times[-1])
    for one in {id(task.run): task.run for task in batch}.values():
        remove_state(one.folder)
        one.write()


def watched(
    pipeline: Pipeline[ModelOptions],
    items: Sequence[Item],
    resume: ResumeState,
    recorder: Recorder | None,
    tick: Callable[[], None],
    run: Run,
) -> Generator[Step, None, list[Output]]:
    """Yield a batch's Steps from where it was left, each ticked, recorded, and kept for a kill; return what came of it."""
    state = resume.load()
    if state is not None:
        print(f"resumed after step {resume.done} of {pipeline.num_steps}", file=sys.stderr)
    for _ in range(resume.done):
        tick()
    steps = pipeline.steps(items, state)
    every, preview_every = (getattr(run.options, name, 0) for name in ("save_every", "preview_every"))
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        tick()
        show_step(step)
        if recorder:
            recorder.add(step)
        if every and (step.i + 1) % every == 0 and is_main_process():
            save_intermediate(run.folder, resume.names, step)
        if is_main_process():
            resume.offer(step, now=bool(preview_every) and (step.i + 1) % preview_every == 0)
        yield step


def save_intermediate(folder: Path, names: Sequence[str], step: Step) -> None:
    """Save steps/NAME/25.png of every picture of a batch."""
    for name, image in zip(names, step.images(), strict=True):
        place = folder / "steps" / name.removesuffix(".png")
        place.mkdir(parents=True, exist_ok=True)
        io.save_image(place / f"{step.i + 1}.png", image, {"of": name})


def save(task: Task, output: Output) -> None:
    """Save what came of one item: further files first, the picture itself, which says that it is done, last."""
    (run, _, picture), file = task, task.file
    for name, content in output.files.items():
        write_content(file.with_suffix(name) if name.startswith(".") else run.folder / name, content, {"of": file.name})
    picture.figures = dict(output.figures)
    io.save_image(file, output.image, run.inside(picture), output.xmp)

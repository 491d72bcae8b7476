"""Carry out a run: load, sample in batches, save, score. Nothing that was finished is lost or done again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

import synoptic
from synoptic import io
from synoptic.distributed import broadcast_from_main, is_main_process
from synoptic.errors import NonFiniteError
from synoptic.io.progress import progress_bar
from synoptic.metrics.clip import reference_clip
from synoptic.models.base import PretrainedModel
from synoptic.models.memory import halves, max_batch_rows
from synoptic.options import application_name, options_class
from synoptic.options.base import Item, Options
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import Pipeline, load_model, pipeline_class, take_steps
from synoptic.pipelines.outputs import Output
from synoptic.runs.begin import announce, begin_pipeline, warn
from synoptic.runs.errors import RunFailed
from synoptic.runs.finish import compare, finish, finished
from synoptic.runs.folders import folder_of
from synoptic.runs.index import write_index
from synoptic.runs.manifest import Picture, Run, open_run
from synoptic.runs.plan import check_memory
from synoptic.runs.recorder import Recorder
from synoptic.runs.resume import ResumeState, remove_state
from synoptic.runs.search import choose_items
from synoptic.runs.speed import record_command, record_pictures, record_steps
from synoptic.runs.tasks import Task, tasks_of
from synoptic.runs.watch import show_step
from synoptic.sampling.step import Step
from synoptic.utils.streams import error_stream
from synoptic.utils.timing import Clock, process_age

STARTUP = 60.0  # seconds that a command takes at most before its work begins


def run(application: str, /, *values: object, **options: object) -> Run:
    """Run an application into a folder, as the command line does: `run("wide", prompt="a lake", out="outputs")`."""
    name = application_name(application, (*synoptic.APPLICATIONS, "train_controlnet"))
    return carry_out(options_class(name).from_arguments(*values, **options).prepare())


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
    if folder is None:  # of a variant it was said with the others
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
    warn(*options.variants().values())
    parts = {name: execute(variant, run.folder / name) for name, variant in options.variants().items()}
    if not is_main_process():
        return run
    items, outputs = [], []
    for name, part in parts.items():
        run.pictures += [Picture(f"{name}/{p.file}", p.prompt, p.seed, p.score, p.figures) for p in part.pictures]
        items += [Item((p.prompt,), p.seed, f"{name}/{Path(p.file).stem}") for p in part.pictures]
        outputs += finished(part)
        run.kept += part.kept
        run.model, run.gpu, run.state = part.model, part.gpu, part.state
    compare(run, pipeline_class(run.application)(load_model(options), options), items, outputs)
    run.write()
    return run


def open_model(run: Run, clock: Clock) -> PretrainedModel:
    """Load the run's model, whose name goes into the manifest."""
    assert isinstance(run.options, ModelOptions)
    with clock("load"):
        model = load_model(run.options)
    run.take_model(model)
    run.write()
    return model


def sample_tasks(pipeline: Pipeline[ModelOptions], tasks: Sequence[Task], clock: Clock) -> None:
    """Sample what is missing of one run or several, in batches that fill the model's calls; save each batch as it ends.

    The result does not depend on the batches. Of several processes the first writes.
    """
    rows = max_batch_rows(pipeline.model, pipeline.model.device)
    size = max(1, min(rows // (2 * pipeline.views_per_item), pipeline.max_items or len(tasks)))
    size = int(broadcast_from_main(torch.tensor(size)))
    starts, done = range(0, len(tasks), size), are_done(tasks)
    batches = [tasks[i : i + size] for i in starts]
    lack = broadcast_from_main(torch.tensor([not all(done[i : i + size]) for i in starts]))
    missing = [batch for batch, lacks in zip(batches, lack, strict=True) if lacks]
    with progress_bar(pipeline.options.command_name(), len(missing) * pipeline.num_steps) as tick:
        while missing:
            batch, *missing = missing
            try:
                PictureBatch(pipeline, batch, clock).sample(tick)
            except NonFiniteError as e:
                if len(batch) > 1:  # the others of its batch go on without it
                    missing = [*([task] for task in batch), *missing]
                else:
                    batch[0].run.failed[batch[0].picture.file] = str(e)
            except Exception as e:
                missing = [*halves(batch, e), *missing]


def are_done(tasks: Sequence[Task]) -> list[bool]:
    """Return whether each picture is there already; their runs count them."""
    done = [task.is_done for task in tasks]
    for task, is_done in zip(tasks, done, strict=True):
        task.run.kept += is_done
    return done


class PictureBatch:
    """Pictures that are sampled together; what is kept of them on the way lies in the first one's run."""

    def __init__(self, pipeline: Pipeline[ModelOptions], tasks: Sequence[Task], clock: Clock) -> None:
        self.pipeline, self.tasks, self.clock, self.run = pipeline, tasks, clock, tasks[0].run
        for task in tasks:
            task.file.parent.mkdir(parents=True, exist_ok=True)
        names = [os.path.relpath(task.file, self.run.folder) for task in tasks]
        self.recorder = Recorder([task.file for task in tasks]) if self.run.films and is_main_process() else None
        self.resume = ResumeState(self.run.folder, names, self.recorder)
        self.ends: list[float] = []  # when each step ended

    def sample(self, tick: Callable[[], None]) -> None:
        """Sample from where it was left, tick() after each step; save what came of it. Raises NonFiniteError."""
        with self.clock("sample"):
            outputs = self.take_steps(tick)
        if not self.resume.done:
            record_steps(self.pipeline, len(self.tasks), self.ends)
        if not is_main_process():
            return
        with self.clock("save"):
            for task, output in zip(self.tasks, outputs, strict=True):
                task.save(output)
        if self.recorder:
            with self.clock("trace"):
                clip = reference_clip() if self.pipeline.model.checkpoint.is_bundled else None
                self.recorder.write([task.picture.prompt for task in self.tasks], clip)
        if self.ends:
            record_pictures(self.pipeline, len(self.tasks), time.perf_counter() - self.ends[-1])
        for run in {id(task.run): task.run for task in self.tasks}.values():
            remove_state(run.folder)
            run.write()

    def take_steps(self, tick: Callable[[], None]) -> list[Output]:
        """Take the steps that are left, and return what came of each picture."""
        state = self.resume.load()
        if state is not None:
            print(f"resumed after step {self.resume.done} of {self.pipeline.num_steps}", file=error_stream())
        for _ in range(self.resume.done):
            tick()

        def after(step: Step) -> None:
            if not self.ends:  # all was read
                for run in {id(task.run): task.run for task in self.tasks}.values():
                    run.check_inputs()
            self.ends.append(time.perf_counter())
            tick()
            self.keep(step)

        return take_steps(self.pipeline.steps([task.item for task in self.tasks], state), after)

    def keep(self, step: Step) -> None:
        """Show a step to whoever watches, film it, and keep of it what was asked for and what a killed run goes on from."""
        show_step(step)
        if self.recorder:
            self.recorder.add(step)
        if is_main_process():
            if self.is_due(step, "save_every"):
                self.save_intermediate(step)
            self.resume.offer(step, now=self.is_due(step, "preview_every"))

    def is_due(self, step: Step, option: str) -> bool:
        """Return whether a step is one of every so many, as an option says where the application has it."""
        every = getattr(self.run.options, option, 0)
        return bool(every) and (step.i + 1) % every == 0

    def save_intermediate(self, step: Step) -> None:
        """Save steps/NAME/25.png of every picture."""
        for name, image in zip(self.resume.names, step.images(), strict=True):
            place = self.run.folder / "steps" / name.removesuffix(".png")
            place.mkdir(parents=True, exist_ok=True)
            io.save_image(place / f"{step.i + 1}.png", image, {"of": name})

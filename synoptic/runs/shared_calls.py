"""Carry out runs that differ only in what their items carry: all of their pictures share the network's calls."""

from __future__ import annotations

from collections.abc import Sequence

from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import load_model, pipeline_class
from synoptic.runs.begin import begin_pipeline, warn
from synoptic.runs.execute import sample_tasks
from synoptic.runs.finish import finish
from synoptic.runs.manifest import open_run
from synoptic.runs.plan import check_memory
from synoptic.runs.tasks import tasks_of
from synoptic.utils.timing import Clock


def execute_sharing(asked: Sequence[ModelOptions]) -> None:
    """Carry out prepared options that are equal but for `item_options`, each into its own folder.

    The pictures are those of runs of their own, to rounding. Seconds are divided among the runs. A run that has pictures
    which came to nothing stays unfinished. Raises what any of them raises.
    """
    first = asked[0]
    check_memory(first)
    runs, timings = [open_run(options) for options in asked], dict[str, float]()
    clock = Clock(timings)
    with clock("load"):
        model = load_model(first)
    for run in runs:
        run.take_model(model)
    pipeline = pipeline_class(first.application())(model, first)
    tasks = []
    for run, options in zip(runs, asked, strict=True):
        warn(options)
        begin_pipeline(pipeline, run)
        run.shared_by = len(runs)
        run.write()
        tasks += tasks_of(run, options.items())
    sample_tasks(pipeline, tasks, clock)
    for run in runs:
        if not run.failed:
            run.timings = {phase: round(seconds / len(runs), 3) for phase, seconds in timings.items()}
            finish(run, pipeline, run.options.items(), Clock(run.timings))

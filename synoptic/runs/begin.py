"""Begin a run: say what will not work, what was read and how long it takes; save what is there before the first step."""

from __future__ import annotations

from synoptic.distributed import is_main_process
from synoptic.models.registry import resolve
from synoptic.models.truncation import truncation_warnings
from synoptic.options.known_warnings import known_warnings
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import Pipeline
from synoptic.runs.manifest import Run
from synoptic.runs.run_cost import duration
from synoptic.runs.speed import work_seconds
from synoptic.runs.tasks import write_content
from synoptic.utils.streams import error_stream

LONG = 20.0  # seconds of work before which is said how long it will take


def warn(*runs: ModelOptions) -> None:
    """Say on the error stream what is known of runs before anything loads, each line once."""
    for line in dict.fromkeys(line for options in runs for line in known_warnings(options, resolve(options.model))):
        print(f"warning: {line}", file=error_stream())


def begin_pipeline(pipeline: Pipeline[ModelOptions], run: Run) -> None:
    """Say what a pipeline read and what its text encoder will not see, and save what it begins with."""
    if is_main_process():
        assert isinstance(run.options, ModelOptions)
        cut = truncation_warnings(getattr(pipeline.model, "text_encoder", None), run.options.texts())
        for line in (*(f"warning: {text}" for text in cut), *pipeline.notes()):
            print(line, file=error_stream())
        for name, content in pipeline.first_files().items():
            write_content(run.folder / name, content, run.about())


def announce(pipeline: Pipeline[ModelOptions], run: Run) -> None:
    """Say on the error stream what long work will take, where a run of before tells."""
    missing = sum(not (run.folder / picture.file).exists() for picture in run.pictures)
    seconds = work_seconds(pipeline, missing)
    if seconds is not None and seconds > LONG and is_main_process():
        print(duration(seconds), file=error_stream())

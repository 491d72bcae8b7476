"""Carry out text-to-3d: each prompt's object in a folder of its own beside its contact sheet; a failed one is an error."""

from __future__ import annotations

import json
from pathlib import Path

from tqdm import tqdm

from synoptic.distributed import is_main_process
from synoptic.errors import InputError
from synoptic.nerf.serialization import check_scene
from synoptic.options.text_to_3d import TextTo3DOptions
from synoptic.pipelines.text_to_3d import DIAGNOSTICS, FIELD, REPORT, TextTo3DPipeline
from synoptic.runs.begin import warn
from synoptic.runs.errors import OptimizationFailed
from synoptic.runs.execute import open_model, sample_tasks
from synoptic.runs.manifest import Picture, Run, open_run
from synoptic.runs.tasks import tasks_of
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.streams import error_stream
from synoptic.utils.timing import Clock


def execute(options: TextTo3DOptions) -> Run:
    """Run prepared options: every object, and run.json. Raises InputError, and OptimizationFailed once all is saved."""
    run = open_run(options)
    for picture in run.pictures:
        check_scene(folder_of(run, picture) / FIELD)
    warn(options)
    clock = Clock(run.timings)
    model = open_model(run, clock)
    sample_tasks(TextTo3DPipeline(model, options, log=log), tasks_of(run, options.items()), clock)
    if is_main_process():
        finish(run)
    return run


def folder_of(run: Run, picture: Picture) -> Path:
    """Return where all but the sheet of a picture is."""
    return run.folder / picture.file.removesuffix(".png")


def finish(run: Run) -> None:
    """Put the scores of the reports into the manifest, and close it. Raises OptimizationFailed where there is a problem."""
    problems, clip_model = [], ""
    for picture in run.pictures:
        found = read_json(folder_of(run, picture) / REPORT).get("clip_models", {})
        if found:
            clip_model, measured = [*found.items()][-1]  # which chose nothing
            picture.score = measured["score"]
        if problem := read_json(folder_of(run, picture) / DIAGNOSTICS).get("problem"):
            problems.append(f"{picture.prompt}: {problem}")
    scores = [picture.score for picture in run.pictures if picture.score is not None]
    if scores:
        run.scores = {"clip_score": round(sum(scores) / len(scores), 4), "clip_model": clip_model}
    run.state = f"failed: {'; '.join(problems)}" if problems else "done"
    run.write()
    if problems:
        raise OptimizationFailed(f"{'; '.join(problems)} (what there is of it: {run.folder})", run)


def read_json(file: Path) -> JsonObject:
    """Return what a finished object's file says. Raises InputError where it cannot be read."""
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        raise InputError(
            f"a finished object has a {file.name} that can be read, {file} is none: choose another --out, or delete the"
            " folder",
            rule="run-report",
        ) from None


def log(line: str) -> None:
    tqdm.write(line, file=error_stream())  # above the bar

"""`synoptic batch` and `synoptic.batch`: everything is read and checked here before anything heavy is imported."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from synoptic.errors import InputError, user_path
from synoptic.jobs.files import Entry, not_a_mapping, read_entries
from synoptic.jobs.plan_file import are_unchanged, digest_of, parse_head, parse_plan
from synoptic.jobs.planning import PLAN, Job, plan_jobs
from synoptic.jobs.store import in_memory
from synoptic.options.batch import BatchOptions
from synoptic.utils.streams import error_stream

if TYPE_CHECKING:
    from synoptic.jobs.table import Batch

UNGUARDED = (  # said by a worker's process, which imports the script that asked for it and comes upon the call again
    'a script calls synoptic.batch below `if __name__ == "__main__":`, since workers import it: move the call there'
)


def batch(jobs: str | PathLike[str] | Iterable[Mapping[str, object]], /, **options: object) -> Batch:
    """Carry out many runs, as the command line does: `batch([{"application": "generate", "prompt": "a lake"}], out="x")`.

    `jobs` is a file or an iterable of mappings, each an application, its options and perhaps a `grid`. Processes are
    spawned, so a script calls it below `if __name__ == "__main__"`. Raises InputError where any job is wrong; one that fails
    is among the result's `failed`. With `out="memory://x"` the runs are in this process's memory, as fsspec reads it.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        print(f"synoptic: error: {UNGUARDED}", file=error_stream(), flush=True)
        os._exit(2)
    if isinstance(jobs, str | PathLike):
        return perform(BatchOptions.from_arguments(fspath(jobs), **options).prepare())
    if not isinstance(jobs, Iterable) or isinstance(jobs, Mapping | bytes):
        raise InputError(
            f"jobs are a file or a list of mappings, a {type(jobs).__name__} was given: write [...]", rule="jobs-type"
        )
    entries = [
        Entry(k, dict(job) if isinstance(job, Mapping) else not_a_mapping(job)) for k, job in enumerate(jobs, start=1)
    ]
    return carry_out(BatchOptions.from_arguments("jobs", **options).prepare(), entries)


def execute(options: BatchOptions) -> Batch:
    """Carry out prepared options of a command line, whose process ends with the batch."""
    if in_memory(options.out):
        raise InputError(
            f"--out must be a place that outlives the command, {options.out} is its memory: give a folder, or s3://…, or"
            " call synoptic.batch in Python",
            rule="out-memory",
        )
    return perform(options)


def perform(options: BatchOptions) -> Batch:
    """Carry out prepared options, or say how a batch stands."""
    if options.status is not None:
        return import_module("synoptic.jobs.run").status(options.status)
    return carry_out(options, list(read_entries(user_path(options.jobs or ""))))


def carry_out(options: BatchOptions, entries: Sequence[Entry]) -> Batch:
    """Plan jobs, or take the plan that was made of the same ones and of the same files before, and run them."""
    folder, digest = user_path(options.out).absolute(), digest_of(entries)
    files: dict[str, str] = {}
    jobs = planned_before(folder, digest, files) or plan_jobs(entries, folder, files)
    return import_module("synoptic.jobs.run").run(options, jobs, digest, files)


def planned_before(folder: Path, digest: str, files: dict[str, str]) -> list[Job]:
    """Return the plan in a folder where it was made of the same jobs and files, which go into `files`; [] elsewhere."""
    try:
        text = (folder / PLAN).read_text("utf-8")
    except (OSError, ValueError):
        return []
    (before, jobs), head = parse_plan(text), parse_head(text)
    if not digest or before != digest or not are_unchanged(head.files):
        return []
    files |= head.files
    return jobs

"""What a worker's process does first: torch's compiler is put off before anything imports it. Imports nothing heavy."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.connection import Connection

from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record
from synoptic.utils.deferred_imports import collector_paused, defer_imports


def compiles(jobs: Sequence[Job]) -> bool:
    """Return whether any job compiles its model: its process needs torch's compiler as it imports."""
    return any(job.options.get("compile") for job in jobs)


def prepare_process(heard: Connection) -> None:
    """Prepare a worker's process for its end. Ctrl-C is for the batch to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(heard,), daemon=True).start()


def import_worker(defers: bool) -> None:
    """Import what carries out jobs; `defers`: without torch's compiler, in a process that has imported nothing of torch."""
    os.environ["TQDM_DISABLE"] = "1"  # which is read as it is imported: no bars
    if defers and "torch" not in sys.modules:
        defer_imports()
    with collector_paused():
        import_module("synoptic.jobs.worker")


def end_with(heard: Connection) -> None:
    """End this process at once when the other end of the pipe is closed."""
    heard.poll(None)
    os._exit(1)


def begin(folder: str, out: str, threads: int, exact: bool) -> str | None:
    """Prepare a worker as `worker.begin` does, for a driver that does not import it."""
    return import_module("synoptic.jobs.worker").begin(folder, out, threads, exact)


def carry_out_jobs(jobs: Sequence[Job], out: str) -> list[Record]:
    """Carry out jobs as `worker.carry_out_jobs` does, for a driver that does not import it."""
    return import_module("synoptic.jobs.worker").carry_out_jobs(jobs, out)


class JobActor:
    """What runs in an actor's process of Ray."""

    def begin(self, folder: str, out: str, threads: int, exact: bool, defers: bool) -> str | None:
        import_worker(defers)
        return begin(folder, out, threads, exact)

    def carry_out(self, jobs: Sequence[Job], out: str) -> list[Record]:
        return carry_out_jobs(jobs, out)

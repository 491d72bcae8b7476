"""A pool of processes on this machine: each holds a model, ends with the batch, and is replaced when it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

from synoptic.errors import InputError
from synoptic.jobs.local_worker import LocalWorker
from synoptic.jobs.placing import cores, fitting_workers, gpus, worker_threads
from synoptic.jobs.plan_file import Needs
from synoptic.jobs.planning import Job
from synoptic.jobs.process import compiles
from synoptic.options.batch import BatchOptions


class LocalEngine:
    """Processes of this machine: one a GPU by default, or one a core as far as memory reaches."""

    deaths = (BrokenExecutor,)

    def __init__(
        self, options: BatchOptions, jobs: Sequence[Job], needs: Needs, threads: int | None, first: LocalWorker | None
    ) -> None:
        self.out, self.exact, self.gpus, self.defers = options.out, options.exact, gpus(), not compiles(jobs)
        fits = fitting_workers(needs, max(1, len(self.gpus)))
        usual = len(self.gpus) or min(cores(), fits)
        self.count = min(options.workers or max(1, usual), len(jobs))
        if self.count > max(1, fits):
            raise InputError(
                f"--workers must fit into memory, {fits} of these models do, {self.count} were asked for: lower it",
                rule="workers-memory",
            )
        self.threads = threads or worker_threads(cores(), self.count)
        self.first = first
        self.workers: list[LocalWorker] = []
        self.started = 0

    def start(self) -> LocalWorker:
        gpu = self.gpus[self.started % len(self.gpus)] if self.gpus else None
        worker, self.first = self.first or LocalWorker(gpu, self.defers), None
        self.started += 1
        self.workers = [other for other in self.workers if not other.alive.closed]
        self.workers.append(worker)
        worker.begin(self.out, self.threads, self.exact)
        return worker

    def close(self) -> None:
        for worker in self.workers:  # all at once, none of which has been waited for
            worker.alive.close()
        for worker in self.workers:
            worker.wait()


def build(
    options: BatchOptions, jobs: Sequence[Job], needs: Needs, threads: int | None = None, first: LocalWorker | None = None
) -> LocalEngine:
    """Build the engine of a batch, whose workers have so many threads; `first` is one that was started ahead.

    Raises InputError where they do not fit.
    """
    return LocalEngine(options, jobs, needs, threads, first)

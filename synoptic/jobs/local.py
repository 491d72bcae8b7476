"""A pool of processes on this machine: each holds a model, ends with the batch, and is replaced when it is lost."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor

from synoptic.errors import InputError
from synoptic.jobs.placing import cores, fitting_workers, gpus, worker_threads
from synoptic.jobs.plan_file import Needs
from synoptic.jobs.planning import Job
from synoptic.jobs.process import begin, carry_out_jobs, compiles, prepare_process
from synoptic.jobs.records import Record
from synoptic.options.batch import BatchOptions

SPAWN = multiprocessing.get_context("spawn")


class LocalWorker:
    """A process of its own, that ends when this one does or `stop` is called: a pipe says so."""

    def __init__(self, out: str, gpu: str | None, threads: int, exact: bool, defers: bool) -> None:
        self.out, (heard, self.alive) = out, SPAWN.Pipe(duplex=False)
        self.pool = ProcessPoolExecutor(1, SPAWN, prepare_process, (heard, gpu, defers))
        self.ready: Future[str | None] = self.pool.submit(begin, os.getcwd(), out, threads, exact)

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        return self.pool.submit(carry_out_jobs, jobs, self.out)

    def stop(self) -> None:
        self.alive.close()
        self.pool.shutdown(wait=False, cancel_futures=True)


class LocalEngine:
    """Processes of this machine: one a GPU by default, or one a core as far as memory reaches."""

    deaths = (BrokenExecutor,)

    def __init__(self, options: BatchOptions, jobs: Sequence[Job], needs: Needs, threads: int | None) -> None:
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
        self.workers: list[LocalWorker] = []
        self.started = 0

    def start(self) -> LocalWorker:
        gpu = self.gpus[self.started % len(self.gpus)] if self.gpus else None
        self.started += 1
        worker = LocalWorker(self.out, gpu, self.threads, self.exact, self.defers)
        self.workers = [other for other in self.workers if not other.alive.closed]
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            worker.pool.shutdown()


def build(options: BatchOptions, jobs: Sequence[Job], needs: Needs, threads: int | None = None) -> LocalEngine:
    """Build the engine of a batch, whose workers have so many threads. Raises InputError where they do not fit."""
    return LocalEngine(options, jobs, needs, threads)

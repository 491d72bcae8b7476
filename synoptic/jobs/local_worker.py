"""A process on this machine that carries out jobs. Imports nothing heavy: the process does, while its driver reads."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager

from synoptic.jobs.planning import Job
from synoptic.jobs.process import begin, carry_out_jobs, compiles, import_worker, prepare_process
from synoptic.jobs.records import Record
from synoptic.options.batch import BatchOptions
from synoptic.utils.interrupts import interrupts_blocked, uninterrupted

VISIBLE = "CUDA_VISIBLE_DEVICES"
SPAWN = multiprocessing.get_context("spawn")


class LocalWorker:
    """A process of its own, that ends when this one does or `stop` is called: a pipe says so.

    It imports at once, on the GPU that is named, and takes jobs after `begin`.
    """

    ready: Future[str | None]

    def __init__(self, gpu: str | None, defers: bool) -> None:
        heard, self.alive = SPAWN.Pipe(duplex=False)
        self.pool = ProcessPoolExecutor(1, SPAWN, prepare_process, (heard,))
        with interrupts_blocked(), visible_gpu(gpu):  # which the process inherits
            self.pool.submit(import_worker, defers)

    def begin(self, out: str, threads: int, exact: bool) -> None:
        """Prepare the process for jobs below `out`."""
        self.out = out
        try:
            self.ready = self.pool.submit(begin, os.getcwd(), out, threads, exact)
        except BrokenExecutor as e:  # lost already: whoever waits for it is told so
            self.ready = Future()
            self.ready.set_exception(e)

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        return self.pool.submit(carry_out_jobs, jobs, self.out)

    def stop(self) -> None:
        self.alive.close()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def wait(self) -> None:
        """Wait until the process, whose pipe is closed, has ended."""
        self.pool.shutdown(cancel_futures=True)


@contextmanager
def visible_gpu(gpu: str | None) -> Iterator[None]:
    """Let processes that are started within see this GPU alone, before they import anything: a script's own imports, too.

    Once CUDA has begun in a process, it no longer asks its environment.
    """
    before = os.environ.get(VISIBLE)
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    try:
        yield
    finally:
        if before is not None:
            os.environ[VISIBLE] = before
        elif gpu is not None:
            del os.environ[VISIBLE]


def first_gpu() -> str | None:
    """Return the name by which CUDA_VISIBLE_DEVICES knows the first GPU, if there is any; None where all are hidden.

    torch is not asked, whose import takes longer than all else that a driver does before its workers begin.
    """
    return os.environ.get(VISIBLE, "0").split(",")[0] or None


@contextmanager
def ahead(options: BatchOptions, jobs: Sequence[Job]) -> Iterator[LocalWorker]:
    """Give the first worker of a batch, which imports while its driver reads, and ends with the context."""
    worker = LocalWorker(first_gpu(), not compiles(jobs))
    try:
        yield worker
    finally:
        with uninterrupted():
            worker.alive.close()
            worker.wait()

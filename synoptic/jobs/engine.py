"""What carries out jobs: workers that hold a model, on this machine or on a cluster, behind one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record


class Worker(Protocol):
    """A process that carries out jobs: those that share the network's calls at once, all others one after another."""

    ready: Future[str | None]  # done once it takes jobs, with what is wrong where it can take none

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        """Carry out jobs that share calls, or one job.

        The future raises one of the engine's `deaths` where the process is lost.
        """
        ...

    def stop(self) -> None:
        """End the process, whatever it does."""
        ...


class Engine(Protocol):
    """Starts workers, each with so many threads."""

    threads: int

    @property
    def count(self) -> int:
        """How many workers it has room for, now."""
        ...

    @property
    def deaths(self) -> tuple[type[Exception], ...]:
        """What the future of a lost worker raises."""
        ...

    def start(self) -> Worker: ...

    def close(self) -> None: ...

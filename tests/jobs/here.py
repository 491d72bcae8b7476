"""An engine without processes: jobs are carried out where they are handed out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record
from synoptic.jobs.worker import carry_out_jobs


class Here:
    """An engine that carries out jobs in this process, one after another."""

    deaths = (ConnectionError,)
    count, threads = 2, 1
    jobs: list[str]

    def __init__(self, out: str) -> None:
        self.out, self.jobs = out, []
        self.ready: Future[str | None] = Future()
        self.ready.set_result(None)

    def start(self) -> Here:
        return self

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        done: Future[list[Record]] = Future()
        self.jobs += [job.path for job in jobs]
        done.set_result(carry_out_jobs(jobs, self.out))
        return done

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass

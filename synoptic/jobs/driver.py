"""Handing jobs to workers, whatever the engine: grouped by model and shape, a lost worker replaced, no job lost."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from synoptic.errors import InputError
from synoptic.jobs.engine import Engine, Worker
from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record

ATTEMPTS = 5  # of a job whose worker is lost each time
BARREN = 5  # workers that are lost, for each that there is, before they begin
Group = tuple[str, str]


class JobQueue:
    """Jobs that wait, by group."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.groups: defaultdict[Group, deque[Job]] = defaultdict(deque)
        for job in jobs:
            self.groups[job.group].append(job)

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def take(self, last: Group) -> Job:
        """Take a job of the last group, else of its model, else of another: of several the one with most jobs."""
        near = max(self.groups, key=lambda group: (group == last, group[0] == last[0], len(self.groups[group])))
        job = self.groups[near].popleft()
        if not self.groups[near]:
            del self.groups[near]
        return job

    def put(self, job: Job) -> None:
        """Put back a job whose worker was lost, to the end of its group."""
        self.groups[job.group].append(job)


def drive(jobs: Sequence[Job], engine: Engine, done: Callable[[Job, Record], None]) -> None:
    """Carry out all jobs, `done(job, record)` after each. Raises InputError where no worker can begin."""
    driver = Driver(jobs, engine, done)
    for _ in range(min(engine.count, len(jobs))):
        driver.start()
    while driver.has_work:
        driver.step()


class Driver:
    """What every worker does: `busy` has for each future its worker and job, None for a worker that begins."""

    def __init__(self, jobs: Sequence[Job], engine: Engine, done: Callable[[Job, Record], None]) -> None:
        self.queue, self.engine, self.done = JobQueue(jobs), engine, done
        self.busy: dict[Future[Any], tuple[Worker, Job | None]] = {}
        self.lost: Counter[str] = Counter()  # workers, by the path of the job that each had
        self.barren = 0  # workers lost since one took a job

    @property
    def has_work(self) -> bool:
        return bool(self.queue) or any(job for _, job in self.busy.values())

    def start(self) -> None:
        worker = self.engine.start()
        self.busy[worker.ready] = worker, None

    def step(self) -> None:
        """Wait until a worker has something to tell; give it, or one in its place, the next job."""
        for future in wait(self.busy, return_when=FIRST_COMPLETED).done:
            worker, job = self.busy.pop(future)
            try:
                record = future.result()
            except self.engine.deaths as e:
                worker.stop()
                self.lose(job, e)
                if self.queue:
                    self.start()
                continue
            except Exception as e:  # its folder could not be written
                record = Record("failed", message=f"{type(e).__name__}: {e}"[:300])
            self.barren = 0
            if job:
                self.done(job, record)
            if self.queue:
                following = self.queue.take(job.group if job else ("", ""))
                self.busy[worker.submit(following)] = worker, following

    def lose(self, job: Job | None, error: Exception) -> None:
        """Take back the job of a lost worker; one whose workers are always lost has failed."""
        if job:
            self.lost[job.path] += 1
            if self.lost[job.path] < ATTEMPTS:
                self.queue.put(job)
            else:
                self.done(job, Record("failed", message=f"its worker was lost {ATTEMPTS} times: a crash, or no memory"))
            return
        self.barren += 1
        if self.barren > BARREN * self.engine.count:
            raise InputError(
                f"workers must be able to begin, {self.barren} were lost at once ({str(error)[:200]}): try --workers 1",
                rule="workers-lost",
            )

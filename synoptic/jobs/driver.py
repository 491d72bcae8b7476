"""Handing jobs to workers, whatever the engine: those that can share calls at once, a lost worker replaced, no job lost."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from synoptic.errors import InputError
from synoptic.jobs.engine import Engine, Worker
from synoptic.jobs.planning import Job
from synoptic.jobs.records import Record
from synoptic.utils.out_of_memory import is_out_of_memory

ATTEMPTS = 5  # of a job whose worker is lost each time
BARREN = 5  # workers that are lost, for each that there is, before they begin
SHARING = 16  # jobs that share calls at most: what a lost worker costs
Group = tuple[str, str, str]


class JobQueue:
    """Jobs that wait, by group."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.groups: defaultdict[Group, deque[Job]] = defaultdict(deque)
        for job in jobs:
            self.groups[job.group].append(job)

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def take(self, last: Group, most: int) -> list[Job]:
        """Take a job of the last group, else of its model, else of another: of several the one with most jobs.

        Of a group that shares calls, take up to `most`.
        """
        near = max(
            self.groups,
            key=lambda group: (group == last, group[:2] == last[:2], group[0] == last[0], len(self.groups[group])),
        )
        waiting = self.groups[near]
        jobs = [waiting.popleft() for _ in range(min(most, len(waiting)) if near[2] else 1)]
        if not waiting:
            del self.groups[near]
        return jobs

    def put(self, job: Job) -> None:
        """Put back a job whose worker was lost: it shares no calls any more."""
        alone = job.group[0], job.group[1], ""
        self.groups[alone].append(job)


def drive(jobs: Sequence[Job], engine: Engine, done: Callable[[Job, Record], None], sharing: int = SHARING) -> None:
    """Carry out all jobs, `done(job, record)` after each; `sharing` of them at most share calls of the network.

    Raises InputError where no worker can begin.
    """
    driver = Driver(jobs, engine, done, sharing)
    driver.hand_out()
    driver.finish()


class Driver:
    """What every worker does: `busy` has for each future its worker and jobs, none for a worker that begins."""

    def __init__(self, jobs: Sequence[Job], engine: Engine, done: Callable[[Job, Record], None], sharing: int) -> None:
        self.queue, self.engine, self.done, self.sharing = JobQueue(jobs), engine, done, sharing
        self.busy: dict[Future[Any], tuple[Worker, list[Job]]] = {}
        self.idle: list[tuple[Worker, Group]] = []  # and the group of its last job
        self.lost: Counter[str] = Counter()  # workers, by the path of the job that each had
        self.barren = 0  # workers lost since one took a job

    @property
    def has_work(self) -> bool:
        return bool(self.queue) or any(jobs for _, jobs in self.busy.values())

    def finish(self) -> None:
        """Go on until no job is left."""
        while self.has_work:
            self.step()

    def step(self) -> None:
        """Wait until a worker has something to tell; hand out the next jobs."""
        for future in wait(self.busy, return_when=FIRST_COMPLETED).done:
            worker, jobs = self.busy.pop(future)
            try:
                told: list[Record] | str | None = future.result()
            except self.engine.deaths as e:
                worker.stop()
                self.lose(jobs, e)
                continue
            except Exception as e:  # a folder could not be written
                if not jobs:
                    raise
                self.fail(jobs, e)
            else:
                if isinstance(told, str):
                    raise InputError(told, rule="workers-begin")
                for job, record in zip(jobs, told or [], strict=True):
                    self.done(job, record)
            self.barren = 0
            self.idle.append((worker, jobs[-1].group if jobs else ("", "", "")))
        self.hand_out()

    def hand_out(self) -> None:
        """Give jobs to workers that have none, and start workers where there are fewer than the engine has room for."""
        room = self.engine.count
        while self.queue and self.idle:
            worker, last = self.idle.pop()
            share = -(-len(self.queue) // room)  # so that no worker stands idle at the end
            following = self.queue.take(last, min(self.sharing, share))
            try:
                self.busy[worker.submit(following)] = worker, following
            except self.engine.deaths as e:  # lost while it had nothing to do
                worker.stop()
                self.lose(following, e)
        beginning = sum(not jobs for _, jobs in self.busy.values())
        for _ in range(min(room - len(self.busy), len(self.queue) - beginning)):
            worker = self.engine.start()
            self.busy[worker.ready] = worker, []

    def fail(self, jobs: Sequence[Job], error: Exception) -> None:
        """Say that a job came to nothing; of several that shared calls, put back each, to say so, or not, by itself."""
        for job in jobs:
            if len(jobs) > 1:
                self.queue.put(job)
            else:
                self.done(job, Record("failed", message=f"{type(error).__name__}: {error}"[:300]))

    def lose(self, jobs: Sequence[Job], error: Exception) -> None:
        """Take back the jobs of a lost worker; one whose workers are always lost has failed."""
        for job in jobs:
            self.lost[job.path] += 1
            if self.lost[job.path] < ATTEMPTS:
                self.queue.put(job)
            else:
                self.done(job, Record("failed", message=why_lost(error)))
        if jobs:
            return
        self.barren += 1
        if self.barren > BARREN * self.engine.count:
            raise InputError(
                f"workers must be able to begin, {self.barren} were lost at once ({str(error)[:200]}): try --workers 1",
                rule="workers-lost",
            )


def why_lost(error: Exception) -> str:
    """Return why a job came to nothing whose workers were all lost, the last of them to an error."""
    if is_out_of_memory(error):
        cure = "ask for a smaller picture, or fewer workers"
        return f"memory has run out, its worker was ended for that {ATTEMPTS} times: {cure}"
    return f"its worker was lost {ATTEMPTS} times: a crash, or no memory ({type(error).__name__})"

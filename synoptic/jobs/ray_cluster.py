"""Actors of a Ray cluster: each holds a model on the part of a node that the plan gives it, and is replaced when lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

import ray  # pyright: ignore[reportMissingImports]
from ray.exceptions import (  # pyright: ignore[reportMissingImports]
    LocalRayletDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RaySystemError,
    WorkerCrashedError,
)

from synoptic.errors import user_path
from synoptic.jobs.placing import PROCESS_BYTES, worker_threads
from synoptic.jobs.plan_file import Needs
from synoptic.jobs.planning import Job
from synoptic.jobs.process import JobActor, compiles
from synoptic.jobs.ray_connection import connect
from synoptic.jobs.records import Record
from synoptic.jobs.store import is_url
from synoptic.options.batch import BatchOptions

SHARE = 0.8  # of the cluster's CPUs for workers: parts of CPUs on several nodes do not add up


NUMBERS = count(1)  # of a driver's workers, since no two actors of it may have one name


class RayWorker:
    """An actor, which ends with the driver or with `stop`."""

    def __init__(self, out: str, threads: int, exact: bool, defers: bool, resources: dict[str, float]) -> None:
        self.out = out
        self.actor: Any = ray.remote(JobActor).options(**resources, name=f"synoptic {next(NUMBERS)}").remote()
        self.ready: Future[str | None] = self.actor.begin.remote(os.getcwd(), out, threads, exact, defers).future()

    def submit(self, jobs: Sequence[Job]) -> Future[list[Record]]:
        return self.actor.carry_out.options(name=name_of(jobs)).remote(jobs, self.out).future()

    def stop(self) -> None:
        ray.kill(self.actor)


class RayEngine:
    """Actors of a cluster: one a GPU by default, or one a CPU; more of them share."""

    deaths = (RayActorError, WorkerCrashedError, OutOfMemoryError, ObjectLostError, LocalRayletDiedError, RaySystemError)

    def __init__(self, options: BatchOptions, jobs: Sequence[Job], needs: Needs, threads: int | None) -> None:
        self.started_ray = not ray.is_initialized()
        if self.started_ray:
            connect(options.address)
        there = ray.cluster_resources()
        gpus, cpus = int(there.get("GPU", 0)), there.get("CPU", 1)
        self.out = options.out if is_url(options.out) else str(user_path(options.out).absolute())
        self.unit, self.asked, self.most = "GPU" if gpus else "CPU", options.workers, len(jobs)
        self.resources: dict[str, float] = {"num_cpus": min(1.0, round(SHARE * cpus / self.count, 3)), "max_restarts": 0}
        self.resources["memory"] = memory_of(needs, bool(gpus))
        if gpus:
            self.resources["num_gpus"] = 1 / -(-self.count // gpus)
        self.threads, self.exact = threads or worker_threads(int(cpus), self.count), options.exact
        self.defers = not compiles(jobs)
        self.workers: list[RayWorker] = []

    @property
    def count(self) -> int:
        """As many as were asked for, or as the nodes that are there now hold."""
        return min(self.asked or max(1, int(ray.cluster_resources().get(self.unit, 0))), self.most)

    def start(self) -> RayWorker:
        self.workers.append(RayWorker(self.out, self.threads, self.exact, self.defers, self.resources))
        return self.workers[-1]

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()
        if self.started_ray:
            ray.shutdown()


def name_of(jobs: Sequence[Job]) -> str:
    """Return what a call of a worker is called on the dashboard: its first job's application, line and folder."""
    first = jobs[0]
    name = f"{first.application}, line {first.line}: {first.path}"
    return name if len(jobs) == 1 else f"{name}, and {len(jobs) - 1} more"


def memory_of(needs: Needs, on_gpus: bool) -> float:
    """Return the bytes of a node's own memory that a worker takes: weights pass through it on their way to a GPU.

    What no node has is not asked for, an actor would wait for it for ever: such a job fails by itself.
    """
    most = max((node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]), default=0)
    each = [PROCESS_BYTES + (need.weights if on_gpus else need.peak) for of_model in needs.values() for need in of_model]
    return max((need for need in each if need <= most), default=min(PROCESS_BYTES, most))


def build(
    options: BatchOptions,
    jobs: Sequence[Job],
    needs: Needs,
    threads: int | None = None,
    connected: Future[None] | None = None,
) -> RayEngine:
    """Build the engine of a batch, whose workers have so many threads, once a connection is made that was begun ahead.

    Raises InputError where no cluster answers.
    """
    if connected:
        connected.result()
    return RayEngine(options, jobs, needs, threads)

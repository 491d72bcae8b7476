"""How many workers fit, by the memory plan of the models that they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module

import psutil
import torch

from synoptic.jobs.plan_file import Need, Needs
from synoptic.jobs.planning import Job
from synoptic.models.device import choose_device
from synoptic.models.memory import free_memory
from synoptic.utils.deferred_imports import collector_paused

PROCESS_BYTES = 2**30  # of a worker beside its model: Python, torch, diffusers
MODELS = 8  # whose plans are made: the first jobs of each


def gpus() -> list[str]:
    """Return the names by which CUDA_VISIBLE_DEVICES knows the GPUs that are free to use."""
    if not torch.cuda.is_available():
        return []
    found = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found.split(",") if found else [str(k) for k in range(torch.cuda.device_count())]


def cores() -> int:
    """Return the cores that this process may use."""
    return len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1


def worker_threads(cpus: int, workers: int) -> int:
    """Return the threads of each of so many workers: what OMP_NUM_THREADS says, else its share of the CPUs."""
    return torch.get_num_threads() if "OMP_NUM_THREADS" in os.environ else max(1, cpus // workers)


def needs_of(jobs: Sequence[Job], kept: Mapping[str, Sequence[Need]]) -> Needs:
    """Return what the first job of each model takes: what was kept of before where that fits, else planned now.

    The names are of this machine's devices, a model and a shape.
    """
    firsts: dict[str, Job] = {}
    for job in jobs:
        if job.group[0] not in firsts and len(firsts) < MODELS:
            firsts[job.group[0]] = job
    devices = f"{choose_device('auto')} of {max(1, torch.cuda.device_count())}"
    named = {" ".join((devices, *job.group[:2])): job for job in firsts.values()}
    return {name: kept_needs(kept.get(name, ())) or planned_needs(job) for name, job in named.items()}


def kept_needs(needs: Sequence[Need]) -> list[Need]:
    """Return needs that fit now; [] where one does not: a plan made now may ask for less."""
    return list(needs) if all(workers_of(need) for need in needs) else []


def planned_needs(job: Job) -> list[Need]:
    """Plan what a job takes, which imports diffusers."""
    with collector_paused():
        return import_module("synoptic.jobs.needs").plan_needs(job)


def workers_of(need: Need) -> int:
    """Return how many workers a device holds: of all of a run, on a GPU of the least, since it takes there what is left."""
    device = torch.device(need.device)
    return free_memory(device) // (need.least if device.type == "cuda" else need.peak + PROCESS_BYTES)


def fitting_workers(needs: Needs, devices: int) -> int:
    """Return how many workers these devices hold together; a job that fits on none of them fails by itself."""
    fits = [workers_of(need) for of_model in needs.values() for need in of_model]
    return devices * min((n for n in fits if n), default=cores())

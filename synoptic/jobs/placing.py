"""How many workers fit, by the memory plan of the models that they hold."""

from __future__ import annotations

import os
from collections.abc import Sequence

import psutil
import torch

from synoptic.errors import InputError
from synoptic.jobs.planning import Job
from synoptic.options import options_class
from synoptic.runs.plan import make_plans
from synoptic.runs.run_cost import Plan

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


def plans_of(jobs: Sequence[Job]) -> list[Plan]:
    """Return the plans of the first job of each model, where they can be made."""
    firsts: dict[str, Job] = {}
    for job in jobs:
        if job.group[0] not in firsts and len(firsts) < MODELS:
            firsts[job.group[0]] = job
    plans = []
    for job in firsts.values():
        try:
            plans += make_plans(options_class(job.application).from_arguments(**job.options).prepare())
        except InputError:  # its own run will say so
            continue
    return plans


def bytes_of(plan: Plan) -> int:
    """Return what a worker takes of its device: all of a run, on a GPU the least, since it takes there what is left."""
    return plan.least if plan.device.type == "cuda" else plan.peak + PROCESS_BYTES


def fitting_workers(jobs: Sequence[Job], devices: int) -> int:
    """Return how many workers these devices hold together; a job that fits on none of them fails by itself."""
    fits = [plan.free // bytes_of(plan) for plan in plans_of(jobs)]
    return devices * min((n for n in fits if n), default=cores())

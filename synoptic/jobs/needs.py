"""What a job takes of memory, by its plan. Imports diffusers: not for a driver that knows already."""

from __future__ import annotations

from synoptic.errors import InputError
from synoptic.jobs.plan_file import Need
from synoptic.jobs.planning import Job
from synoptic.options import options_class
from synoptic.runs.plan import make_plans


def plan_needs(job: Job) -> list[Need]:
    """Return what a job takes, each of its variants if there are any; [] where that cannot be planned."""
    try:
        plans = make_plans(options_class(job.application).from_arguments(**job.options).prepare())
    except InputError:  # its own run will say so
        return []
    return [Need(str(plan.device), sum(plan.weights.values()), plan.least, plan.peak) for plan in plans]

"""SDS: score distillation sampling (Poole et al. 2023, DreamFusion, equation 3)."""

from __future__ import annotations

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Believe, Loss
from synoptic.distillation.combine import combine
from synoptic.distillation.timesteps import Times
from synoptic.distillation.weights import Weight, one


def sds(believe: Believe, s: Schedule, scale: float = 25.0, *, times: Times | None = None, weight: Weight = one) -> Loss:
    """grad = w(t) (eps_null + scale (eps_cond - eps_null) - eps).

    Branches: cond and null. threestudio's eps_cond + scale (eps_cond - eps_null) is this with scale + 1.
    """
    return combine(believe, s, lambda step, t: {"cond": scale, "null": 1 - scale, "noise": -1}, times=times, weight=weight)

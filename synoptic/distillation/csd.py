"""CSD: classifier score distillation, guidance alone (Yu et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Believe, Loss
from synoptic.distillation.combine import combine
from synoptic.distillation.timesteps import Times
from synoptic.distillation.weights import Weight, one


def csd(
    believe: Believe,
    s: Schedule,
    w1: float = 1.0,
    w2: Callable[[int], float] | None = None,
    *,
    times: Times | None = None,
    weight: Weight = one,
) -> Loss:
    """grad = w(t) (w1 (eps_cond - eps_null) + w2 (eps_null - eps_negative)).

    Branches: cond and null; negative where w2 is not 0. w2 is a function of the step: the paper's goes from 0 to 1,
    `ramp(0, 1, 5000)`, which takes the null branch out and the negative one in.
    """

    def amounts(step, t):
        away = w2(step) if w2 else 0.0
        return {"cond": w1, "null": away - w1, "negative": -away}

    return combine(believe, s, amounts, times=times, weight=weight)

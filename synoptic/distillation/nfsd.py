"""NFSD: noise-free score distillation (Katzir et al. 2024)."""

from __future__ import annotations

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Believe, Loss
from synoptic.distillation.combine import combine
from synoptic.distillation.timesteps import Times
from synoptic.distillation.weights import Weight, one


def nfsd(
    believe: Believe,
    s: Schedule,
    scale: float = 7.5,
    late: int = 200,
    *,
    times: Times | None = None,
    weight: Weight = one,
) -> Loss:
    """grad = w(t) (delta_D + scale (eps_cond - eps_null)); delta_D is eps_null where t < late, else eps_null - eps_negative.

    Branches: cond, null and negative ("unrealistic, blurry, low quality, …"). eps_negative stands in for the noise that
    SDS subtracts: where t is small there is little of it, and the domain's own score is left.
    """

    def amounts(step, t):
        return {"cond": scale, "null": 1 - scale, "negative": -(t >= late).double()}

    return combine(believe, s, amounts, times=times, weight=weight)

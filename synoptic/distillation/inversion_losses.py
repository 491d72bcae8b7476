"""SDI and ISM: SDS whose noise is not drawn but found, by DDIM inversion of the render itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, add_noise, coefficients, tweedie
from synoptic.distillation.base import Loss
from synoptic.distillation.loss_spec import LossSpec
from synoptic.distillation.losses import weighted_branches
from synoptic.distillation.timesteps import TimestepSampler, falling_timesteps, narrowing_timesteps
from synoptic.distillation.weights import sqrt_noise_to_signal
from synoptic.guidance.batching import BranchPredict
from synoptic.guidance.cfg import Predict
from synoptic.utils.arguments import typed

SDI_STEPS, ISM_STEPS = 10, 4  # of the inversions


@typed
def sdi(
    branch_predict: BranchPredict,
    s: Schedule,
    inversion_predict: Predict,
    scale: float = 8.5,
    steps: int = SDI_STEPS,
    *,
    timesteps: TimestepSampler | None = None,
) -> Loss[object]:
    """Return grad = x - x0(x_t) = (sigma / alpha) (eps_guided(x_t) - eps_inverted), x_t by inversion.

    SDI, score distillation via inversion (Lukoianov et al. 2024).

    Branches: cond and null; `inversion_predict` is what inverts: cfg(model, prompts, -6.5), or 2 - scale. The official code
    adds its scales 7.5 and -7.5 to the conditional prediction, so they are 8.5 and -6.5 where 1 is off. It takes `steps`
    calls. times fall from 980 to 250 by default, over 10000 steps. No noise is added to the inversion (eta 0).
    """

    def noise(x: Tensor, t: Tensor, camera: object, rngs: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        xt = invert_to(inversion_predict, s, x, torch.full_like(t, int(s.final_time)), t, steps)
        a, sigma = coefficients(s, t, x)
        return xt, (xt - a * x) / sigma

    return weighted_branches(
        branch_predict,
        s,
        _sds_weights(scale),
        timesteps=timesteps or falling_timesteps(980, 250, 10000),
        weight=sqrt_noise_to_signal,
        noise=noise,
    )


@typed
def ism(
    branch_predict: BranchPredict,
    s: Schedule,
    inversion_predict: Predict,
    scale: float = 7.5,
    interval: int = 50,
    steps: int = ISM_STEPS,
    *,
    timesteps: TimestepSampler | None = None,
) -> Loss[object]:
    """Return grad = (sigma / alpha) (eps_guided(x_t) - eps_null(x_s)), s = t - interval (Liang et al. 2024).

    Branches: cond and null; `inversion_predict` is the null branch alone, cfg(model, [""] * n). It takes steps + 1 calls:
    `steps` from the render to x_s, and the one at x_s that leads on to x_t. timesteps: 20 … 980, the upper end falling to
    500 by default.
    """

    def noise(x: Tensor, t: Tensor, camera: object, rngs: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        before = (t - interval).clamp(min=0)
        xs = invert_to(inversion_predict, s, x, torch.full_like(t, int(s.final_time)), before, steps)
        p = inversion_predict(xs, before, camera)
        a, sigma = coefficients(s, t, x)
        return a * p.x0 + sigma * p.eps, p.eps

    return weighted_branches(
        branch_predict,
        s,
        _sds_weights(scale),
        timesteps=timesteps or narrowing_timesteps(20, 980, 500, 1500),
        weight=sqrt_noise_to_signal,
        noise=noise,
    )


def invert_to(inversion_predict: Predict, s: Schedule, x: Tensor, start: Tensor, t: Tensor, steps: int) -> Tensor:
    """Invert x at the times `start` (N,) to x at t, by so many steps of DDIM inversion, evenly spaced for each row.

    A step from one time to the next asks the network at the lower one, where its x is, as both papers' code does. The clean
    picture, of a DDPM at time -1, is asked about at time 0, the first that a network knows.
    """
    times = [start + (t - start) * k // steps for k in range(steps + 1)]
    for low, high in pairwise(times):
        eps = inversion_predict(x, low.clamp(min=0)).eps
        x = add_noise(s, tweedie(s, x, eps, low), eps, high)
    return x


def _sds_weights(scale: float):
    return lambda step, t: {"cond": scale, "null": 1 - scale, "noise": -1}


LOSSES = {
    "sdi": LossSpec(
        lambda f: sdi(f.branch_predict, f.schedule, f.cfg(2 - f.guidance_scale), f.guidance_scale, timesteps=f.timesteps),
        guided_inversions=SDI_STEPS,
    ),
    "ism": LossSpec(
        lambda f: ism(f.branch_predict, f.schedule, f.branch("null"), f.guidance_scale, timesteps=f.timesteps),
        null_inversions=ISM_STEPS + 1,
    ),
}

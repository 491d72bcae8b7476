"""DDS and PDS, one formula: a picture is moved as its own source would not be.

    grad = psi(t) (x - source) + chi(t) (eps_target - eps_source)

Both eps are guided and share t and eps, so that what the model thinks of either picture cancels and the edit is left.
psi pulls back to the source: 0 in DDS, in PDS what the stride between its two times makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Number, Rows, Schedule, add_noise, randn
from synoptic.distillation.base import Loss, loss_from_gradient
from synoptic.distillation.loss_spec import LossSpec
from synoptic.distillation.losses import per_row
from synoptic.distillation.timesteps import TimestepSampler, uniform_timesteps
from synoptic.guidance.cfg import Predict
from synoptic.utils.arguments import typed

PsiChi = Callable[[Tensor], tuple[Number, Number]]  # t -> (psi, chi), each a number or one a row (N,)


def delta_loss(predict: Predict, s: Schedule, source: Tensor, psi_chi: PsiChi, timesteps: TimestepSampler) -> Loss[object]:
    """Return the loss of the formula above, one batch: `predict` is cfg(model, [*targets, *sources], scale).

    source (N, C, h, w) is the x to be edited, in the space of the loss's x.
    """

    @torch.no_grad()
    def gradient(x: Tensor, step: int, camera: object, rngs: Sequence[torch.Generator]) -> Tensor:
        t, eps = timesteps(step, rngs), randn(x.shape[1:], rngs, x)
        tt = torch.cat([t, t])
        p = predict(add_noise(s, torch.cat([x, source]), torch.cat([eps, eps]), tt), tt, camera)
        target, before = p.eps.chunk(2)
        psi, chi = (per_row(k, x) for k in psi_chi(t))
        return psi * (x - source) + chi * (target - before)

    return lambda x, step, camera, rngs: loss_from_gradient(x, gradient(x, step, camera, rngs))


@typed
def dds(predict: Predict, s: Schedule, source: Rows, *, timesteps: TimestepSampler | None = None) -> Loss[object]:
    """Return DDS, delta denoising score, for edits (Hertz et al. 2023).

    grad = eps_target - eps_source, at t = 50 … 949 by default. `predict` and `source`: as `delta_loss`.

    Theirs has guidance 7.5 and 200 steps of gradient descent.
    """
    return delta_loss(predict, s, source, lambda t: (0.0, 1.0), timesteps or uniform_timesteps(50, 949))


@typed
def pds(
    predict: Predict, s: Schedule, source: Rows, stride: int = 2, *, timesteps: TimestepSampler | None = None
) -> Loss[object]:
    """Return PDS, posterior distillation sampling: edits that stay with their source (Koo et al. 2024).

    grad = z_target - z_source, the noises that would lead from x_t to x_t' in either picture. See `pds_coefficients`.

    `predict` and `source`: as `delta_loss`; theirs has guidance 100, the course's 7.5. `stride` is the knob of identity.
    timesteps: 20 … 980 by default, at least 1. Raises ValueError where stride is below 1.
    """
    if stride < 1:
        raise ValueError(f"stride, from t to t', must be at least 1, not {stride}: 2 is the official one, 1 is DDS")
    return delta_loss(predict, s, source, lambda t: pds_coefficients(s, t, stride), timesteps or uniform_timesteps())


def pds_coefficients(s: Schedule, t: Tensor, stride: int = 2) -> tuple[Tensor, Tensor]:
    """Return psi and chi at times t (N,) >= 1, each (N,) float64: PDS as psi (x - source) + chi (eps_target - eps_source).

    z = (x_t' - c0 x0 - c1 x_t) / sd with t' = t - stride, where x_t' and x_t of both pictures have the same noises, so that
    those cancel. beta_t is of a single step, as the official code has it. Only that mismatch makes psi: it is 0 for
    stride 1, where PDS is a re-weighted DDS, and grows with the stride.
    """
    (a, sigma), (a_step, sigma_step), (a_prev, sigma_prev) = s(t), s(t - 1), s((t - stride).clamp(min=0))
    alpha = (a / a_step) ** 2
    beta = sigma**2 - alpha * sigma_step**2  # 1 - alpha where alpha_t² + sigma_t² = 1
    c0 = a_prev * beta / sigma**2
    c1 = alpha.sqrt() * sigma_prev**2 / sigma**2
    sd = sigma_prev / sigma * beta.sqrt()
    return (a_prev - c0 - c1 * a) / sd, c0 * sigma / a / sd


LOSSES = {
    "pds": LossSpec(lambda f: pds(f.cfg(f.guidance_scale), f.schedule, f.edited, f.stride, timesteps=f.timesteps)),
    "dds": LossSpec(lambda f: dds(f.cfg(f.guidance_scale), f.schedule, f.edited, timesteps=f.timesteps)),
}

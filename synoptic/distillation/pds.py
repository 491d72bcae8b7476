"""PDS: posterior distillation sampling, edits that stay with their source (Koo et al. 2024)."""

from __future__ import annotations

from torch import Tensor

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Loss
from synoptic.distillation.edit_losses import difference
from synoptic.distillation.timesteps import Times, uniform
from synoptic.guidance.cfg import Predict


def pds(predict: Predict, s: Schedule, source: Tensor, stride: int = 2, *, times: Times | None = None) -> Loss:
    """grad = z_target - z_source, the noises that would lead from x_t to x_t' in either picture. See `posterior`.

    `predict` and `source`: as `difference`; theirs has guidance 100, the course's 7.5. `stride` is the knob of identity.
    times: 20 … 980 by default, at least 1. Raises ValueError where stride is below 1.
    """
    if stride < 1:
        raise ValueError(f"stride, from t to t', must be at least 1, not {stride}: 2 is the official one, 1 is DDS")
    return difference(predict, s, source, lambda t: posterior(s, t, stride), times or uniform())


def posterior(s: Schedule, t: Tensor, stride: int = 2) -> tuple[Tensor, Tensor]:
    """psi and chi at times t (N,) >= 1, each (N,) float64: PDS as psi (x - source) + chi (eps_target - eps_source).

    z = (x_t' - c0 x0 - c1 x_t) / sd with t' = t - stride, where x_t' and x_t of both pictures have the same noises, so that
    those cancel. beta_t is of a single step, as the official code has it. Only that mismatch makes psi: it is 0 for
    stride 1, where PDS is a re-weighted DDS, and grows with the stride.
    """
    (a, sigma), (a_step, _), (a_prev, sigma_prev) = s(t), s(t - 1), s((t - stride).clamp(min=0))
    alpha = (a / a_step) ** 2
    beta = 1 - alpha
    c0 = a_prev * beta / sigma**2
    c1 = alpha.sqrt() * sigma_prev**2 / sigma**2
    sd = sigma_prev / sigma * beta.sqrt()
    return (a_prev - c0 - c1 * a) / sd, c0 * sigma / a / sd

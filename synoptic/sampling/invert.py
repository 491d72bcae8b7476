"""DDIM inversion: from a picture to the noise that gives it (Song et al. 2021, section 4.3; Dhariwal & Nichol 2021, F)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, coefficients
from synoptic.guidance.cfg import Predict
from synoptic.sampling.step import Step


@torch.no_grad()
def invert(
    predict: Predict,
    s: Schedule,
    x: Tensor,
    *,
    steps: Sequence[tuple[Time, Time]],
    refine: int = 2,
    start: int = 0,
) -> Iterator[Step]:
    """Yield the picture x (B, C, h, w) to its noise, along `steps` backwards: each of them, (t,
    t_prev), goes from t_prev to t.

    The noise of a step is what the network sees at t; x_t is not known yet, so x_t_prev stands in for it. `refine` times
    x_t is put in its place and the step taken again: a fixed point is the exact inverse of DDIM's step (Pan et al. 2023,
    AIDI). Once is worth more than twice the steps. Invert without guidance, which pushes such steps apart. A Step's t is
    the time reached; it resumes as `sample` does.
    """
    for i, (t, t_prev) in list(enumerate(reversed(steps)))[start:]:
        p = predict(x, t)
        for _ in range(refine):
            p = predict(noisier(s, x, p, t, t_prev), t)
        x = noisier(s, x, p, t, t_prev)
        yield Step(i, t, x, p.x0, n=len(steps))


def noisier(s: Schedule, x: Tensor, p: Pred, t: Time, t_prev: Time) -> Tensor:
    """Take DDIM's step backward, from x (B, C, h, w) at t_prev to t, by what the network predicts.

    It moves along eps; for flows, and where there is no signal (alpha_t = 0), along x0 and eps together, for flows the
    velocity eps - x0: eps alone is x_t itself there, whatever the network says. The fixed point is the exact inverse.
    """
    a, sigma = coefficients(s, t, x)
    a_prev, sigma_prev = coefficients(s, t_prev, x)
    if s.prediction == "flow" or not a:
        return x + (a - a_prev) * p.x0 + (sigma - sigma_prev) * p.eps
    return a / a_prev * (x - sigma_prev * p.eps) + sigma * p.eps

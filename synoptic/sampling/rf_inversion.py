"""A picture to noise along a rectified flow, drawn to white noise, and back, drawn to the picture (RF-Inversion).

Rout et al. 2025. The velocity from x at sigma to a known clean picture y is (x - y) / sigma, the one to a known noise n is
(n - x) / (1 - sigma): the paper's controllers, which mix such a velocity into the network's, mix y into x0 and n into eps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, coefficients
from synoptic.guidance.cfg import Predict
from synoptic.sampling.step import Step
from synoptic.views.base import Projection


@torch.no_grad()
def invert_to_white(
    predict: Predict, s: Schedule, x: Tensor, noise: Tensor, *, steps: Sequence[tuple[Time, Time]], share: float = 0.5
) -> Iterator[Step]:
    """Yield the picture x (B, C, h, w) to noise along `steps` backwards, `share` of the way to
    the white `noise` (algorithm 1).

    Share 0 is the flow's own noise, 1 is `noise`. Invert by the empty prompt, without guidance. A Step's t is the time
    reached. Raises ValueError where the model is no flow.
    """
    check_flow(s)
    for i, (t, t_prev) in enumerate(reversed(steps)):
        (a, sigma), (a_prev, sigma_prev) = coefficients(s, t, x), coefficients(s, t_prev, x)
        p = predict(x, t_prev)
        eps = (1 - share) * p.eps + share * noise
        x0 = x - sigma_prev * (eps - x) / a_prev
        x = a * x0 + sigma * eps
        yield Step(i, t, x, x0, n=len(steps))


def drawn_to(predict: Predict, s: Schedule, picture: Tensor, share: float) -> Predict:
    """Return `predict` whose x0 is `share` the picture (B, C, h, w), and whose eps follows (algorithm 2)."""

    def drawn(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
        x0 = (1 - share) * predict(x, t, views).x0 + share * picture
        a, sigma = coefficients(s, t, x)
        return Pred(x0, (x - a * x0) / sigma)

    return drawn


def check_flow(s: Schedule) -> None:
    """Raise ValueError where a schedule is not of a flow."""
    if s.prediction != "flow":
        raise ValueError(f"RF-Inversion is of rectified flows, this model predicts {s.prediction}")

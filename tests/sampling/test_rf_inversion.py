"""RF-Inversion, recomputed by the paper's two algorithms on a flow whose velocity is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.sampling.rf_inversion import drawn_to, invert_to_white
from synoptic.sampling.single import sample
from tests.exact import SHAPE, ddpm, flow, normal

MEAN, SPREAD = normal(1, *SHAPE, seed=1), 0.4
PICTURE, WHITE = 0.5 * normal(2, *SHAPE, seed=3), normal(2, *SHAPE, seed=5)


def velocity(y: Tensor, share: float) -> Tensor:
    """E[n - x0 | (1 - share) x0 + share n = y], x0 = MEAN + SPREAD noise."""
    var = (1 - share) ** 2 * SPREAD**2 + share**2
    return (share - (1 - share) * SPREAD**2) / var * (y - (1 - share) * MEAN) - MEAN


def predict(x: Tensor, t: Time, views: object = None) -> Pred:
    sigma = float(t) / 1000
    v = velocity(x, sigma)
    return Pred(x - sigma * v, x + (1 - sigma) * v)


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_the_way_to_noise_is_algorithm_1(shift, gamma):
    """Y moves by u + gamma ((y1 - Y) / (1 - t) - u), in the paper's time, 0 at the picture."""
    s = flow(shift=shift)
    steps = s.steps(6)
    y, times = PICTURE, [0.0, *(float(t) / 1000 for t, _ in reversed(steps))]
    for now, after in pairwise(times):
        u = velocity(y, now)
        y = y + (after - now) * (u + gamma * ((WHITE - y) / (1 - now) - u))
    *_, step = invert_to_white(predict, s, PICTURE, WHITE, steps=steps, share=gamma)
    torch.testing.assert_close(step.x, y, rtol=0, atol=1e-12)
    if gamma == 1.0:
        torch.testing.assert_close(step.x, WHITE, rtol=0, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
def test_the_way_back_is_algorithm_2(eta):
    """X moves by v + eta ((y0 - X) / (1 - t) - v), v = -u(X, 1 - t), in the paper's time, 0 at the noise."""
    s = flow(shift=3.0)
    steps, x = s.steps(6), WHITE
    for t, t_prev in steps:
        now, after = 1 - float(t) / 1000, 1 - float(t_prev) / 1000
        v = -velocity(x, 1 - now)
        x = x + (after - now) * (v + eta * ((PICTURE - x) / (1 - now) - v))
    *_, step = sample(drawn_to(predict, s, PICTURE, eta), s, WHITE, steps=steps)
    torch.testing.assert_close(step.x, x, rtol=0, atol=1e-12)
    assert (step.x - PICTURE).abs().max() < 1e-12 if eta == 1.0 else (step.x - PICTURE).abs().max() > 0.1


def test_it_is_of_flows():
    with pytest.raises(ValueError, match="RF-Inversion is of rectified flows"):
        next(invert_to_white(predict, ddpm(), PICTURE, WHITE, steps=ddpm().steps(4)))

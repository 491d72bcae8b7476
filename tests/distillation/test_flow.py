"""Losses on flows, where alpha² + sigma² is not 1, on Gaussians whose velocity is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, add_noise, randn
from synoptic.diffusion.solvers import posterior
from synoptic.distillation import weights
from synoptic.distillation.edit_losses import pds_coefficients
from synoptic.distillation.inversion_losses import invert_to, sdi
from synoptic.distillation.losses import sds
from synoptic.distillation.timesteps import uniform_timesteps
from tests.distillation.exact import gradient
from tests.exact import SHAPE, flow, generators, normal

S = flow(shift=3.0)
X, MEANS = normal(3, *SHAPE, seed=4), {"cond": normal(1, *SHAPE, seed=1), "null": 0.3 * normal(1, *SHAPE, seed=2)}
SPREAD = 0.4


def rows(k: Tensor) -> Tensor:
    return k.double().view(-1, 1, 1, 1)


def velocity(name: str, x: Tensor, sigma: Tensor) -> Tensor:
    """E[eps - x0 | x] of x0 = mean + SPREAD n: the regression of one Gaussian on another."""
    var = (1 - sigma) ** 2 * SPREAD**2 + sigma**2
    return (sigma - (1 - sigma) * SPREAD**2) / var * (x - (1 - sigma) * MEANS[name]) - MEANS[name]


def branches(x: Tensor, t: Tensor, camera: object = None) -> dict[str, Pred]:
    sigma = rows(t) / 1000
    found = {name: velocity(name, x, sigma) for name in MEANS}
    return {name: Pred(x - sigma * v, x + (1 - sigma) * v) for name, v in found.items()}


def test_sds_with_velocity_weights_is_rfds():
    """Yang et al. 2025: the guided velocity, less the straight way from the noise to the picture."""
    t = uniform_timesteps(58, 875)(0, rngs := generators(3))
    noise, sigma = randn(SHAPE, rngs, X), rows(t) / 1000
    xt = (1 - sigma) * X + sigma * noise
    v = {name: velocity(name, xt, sigma) for name in MEANS}
    wanted = v["null"] + 100 * (v["cond"] - v["null"]) - (noise - X)
    loss = sds(branches, S, 100.0, timesteps=uniform_timesteps(58, 875), weight=weights.velocity)
    torch.testing.assert_close(gradient(loss, X, generators(3)), wanted, rtol=0, atol=1e-10 * wanted.abs().max().item())


def test_a_picture_that_follows_rfds_becomes_what_the_flow_knows():
    loss = sds(branches, S, 1.0, timesteps=uniform_timesteps(58, 875), weight=weights.velocity)
    x = X.clone()
    for step in range(400):
        x -= 0.1 * gradient(loss, x, generators(3), step)
    assert (x - MEANS["cond"]).abs().max() < 0.2 * (X - MEANS["cond"]).abs().max()


def test_inversion_follows_the_flow_from_the_clean_picture():
    t = torch.tensor([200, 500, 800])
    a, sigma = 1 - rows(t) / 1000, rows(t) / 1000
    truth = a * MEANS["cond"] + (X - MEANS["cond"]) * (a**2 + (sigma / SPREAD) ** 2).sqrt()

    def predict(x: Tensor, t: Tensor, views: Any = None) -> Pred:
        return branches(x, t)["cond"]

    errors = [(invert_to(predict, S, X, torch.zeros_like(t), t, n) - truth).abs().max() for n in (10, 20, 200)]
    assert errors[2] < 0.1 * errors[0] and errors[1] < errors[0] and errors[2] < 0.02 * truth.abs().max()


def test_sdi_begins_at_the_clean_picture():
    """With one step the inversion asks at time 0, where x is x: x_t lies on the velocity there."""

    def inversion_predict(x: Tensor, t: Tensor, views: Any = None) -> Pred:
        assert t.tolist() == [0] * 3
        torch.testing.assert_close(x, X, rtol=0, atol=0)
        return branches(x, t)["null"]

    loss = sdi(branches, S, inversion_predict, 1.0, 1, timesteps=uniform_timesteps(600, 600))
    eps = X + velocity("null", X, torch.zeros(1).double())
    xt = 0.4 * X + 0.6 * eps
    wanted = X - (xt - 0.6 * velocity("cond", xt, torch.tensor(0.6, dtype=torch.float64)))
    torch.testing.assert_close(gradient(loss, X, generators(3)), wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("t", [20, 400, 980])
def test_pds_at_stride_1_is_the_posteriors_noise(t):
    """z = (x_t-1 - mean of q(x_t-1 | x_t, x0)) / its deviation, of two pictures with the same noises."""
    now, before = (normal(1, *SHAPE, seed=seed) for seed in (7, 8))
    a, sigma = S(t)

    def z(x: Tensor, eps: Tensor) -> Tensor:
        xt = add_noise(S, x, now, t)
        mean, variance, _ = posterior(S, xt, (xt - sigma * eps) / a, t, t - 1)
        return (add_noise(S, x, before, t - 1) - mean) / variance**0.5

    target, source, eps_target, eps_source = (normal(1, *SHAPE, seed=seed) for seed in range(10, 14))
    psi, chi = pds_coefficients(S, torch.tensor([t]), 1)
    wanted = rows(psi) * (target - source) + rows(chi) * (eps_target - eps_source)
    found = z(target, eps_target) - z(source, eps_source)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-8 * wanted.abs().max().item())

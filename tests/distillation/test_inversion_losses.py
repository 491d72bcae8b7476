"""SDI and ISM on models of one picture, where they are exact, and the inversion on a Gaussian, whose flow is known."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred
from synoptic.distillation.inversion_losses import invert_to, ism, sdi
from synoptic.distillation.loss_table import LOSSES
from synoptic.distillation.timesteps import uniform_timesteps
from synoptic.guidance.perp_neg import cfg_predict
from tests.distillation.exact import S, believer, by_row, gaussian, gradient
from tests.exact import SHAPE, generators, normal

X = normal(3, *SHAPE, seed=4)


def test_inversion_follows_the_flow_of_a_gaussian_to_each_rows_own_time():
    denoise, t = gaussian(1), torch.tensor([200, 500, 800])
    a, sigma = (k.view(-1, 1, 1, 1) for k in S(t))
    mean, spread = denoise.means, denoise.spreads[0]
    truth = a * mean + (X - mean) * (a**2 + (sigma / spread) ** 2).sqrt()
    errors = [(invert_to(by_row(denoise), S, X, torch.full((3,), -1), t, n) - truth).abs().max() for n in (10, 20, 200)]
    assert errors[2] < 0.1 * errors[0] and errors[1] < errors[0] and errors[2] < 0.02 * truth.abs().max()


def test_sdi_equals_the_official_gradient():
    """As threestudio's stable_diffusion_sdi_guidance.py has it, at our times: scales 7.5, -7.5 on top of the prompt's eps.

    Its inversion asks at the time that a step begins from.
    """
    cond, null, x, (a, sigma) = gaussian(1), gaussian(2, 0.4), X[:1], (1.0, 0.0)

    def official(x: Tensor, t: int, scale: float) -> Tensor:
        text, other = cond(x, t).eps, null(x, t).eps
        return text + scale * (text - other)

    for low, high in pairwise([0, *range(69, 700, 70)]):  # the clean picture is asked about at time 0
        eps = official(x, low, -7.5)
        x0, (a, sigma) = (x - sigma * eps) / a, S(high)
        x = a * x0 + sigma * eps
    wanted = X[:1] - (x - sigma * official(x, 699, 7.5)) / a
    branches, asked = believer(cond=cond, null=null), []

    def inversion_predict(x: Tensor, t: Tensor, views: Any = None) -> Pred:
        asked.append(t.item())
        return cfg_predict(branches, -6.5)(x, t)

    loss = sdi(branches, S, inversion_predict, timesteps=uniform_timesteps(699, 699))
    torch.testing.assert_close(gradient(loss, X[:1], generators(1)), wanted, rtol=0, atol=1e-12 * wanted.abs().max().item())
    assert asked == [0, *range(69, 699, 70)]


def test_the_table_inverts_with_sdi_s_own_guidance():
    cond, null = gaussian(1), gaussian(2, 0.4)
    branches, times = believer(cond=cond, null=null), uniform_timesteps(699, 699)
    inputs: Any = SimpleNamespace(branch_predict=branches, schedule=S, guidance_scale=8.5, timesteps=times)
    inputs.cfg = lambda scale: cfg_predict(branches, scale)
    ours, theirs = LOSSES["sdi"].build(inputs), sdi(branches, S, cfg_predict(branches, -6.5), timesteps=times)
    assert torch.equal(gradient(ours, X, generators(3)), gradient(theirs, X, generators(3)))


def test_sdi_of_a_model_of_one_picture_leads_straight_to_it():
    one, other = gaussian(1, 0.0), gaussian(2, 0.4)
    loss = sdi(believer(cond=one, null=other), S, by_row(other), 1.0, 5)
    assert torch.allclose(gradient(loss, X, generators(3)), X - one.means, atol=1e-9)


def test_ism_leads_from_what_the_inversion_sees_to_what_the_prompt_does():
    one, other = gaussian(1, 0.0), gaussian(2, 0.0)
    loss = ism(believer(cond=one, null=other), S, by_row(other), 1.0, 50, 3, timesteps=uniform_timesteps(100, 900))
    assert torch.allclose(gradient(loss, X, generators(3)), (other.means - one.means).expand_as(X), atol=1e-8)


def test_their_noise_is_the_pictures_own_so_that_one_time_gives_one_gradient():
    model = gaussian(1)
    for make in (sdi, ism):
        loss = make(believer(cond=model, null=model), S, by_row(model), timesteps=uniform_timesteps(400, 400))
        a, b = (gradient(loss, X, [torch.Generator().manual_seed(k)] * 3) for k in (1, 2))
        assert torch.equal(a, b)

"""Perp-Neg: what the negative prompt shares with the prompt is left alone, what is its own is taken away."""

from __future__ import annotations

import torch

from synoptic.diffusion.equations import Pred
from synoptic.distillation.losses import sds
from synoptic.guidance.cfg import cfg
from synoptic.guidance.perp_neg import cfg_predict, perp_neg, perp_neg_cfg
from tests.distillation.exact import S, believer, gaussian, gradient
from tests.exact import SHAPE, generators, normal

T = torch.tensor([300, 700])
MEANS = {"cond": gaussian(1), "null": gaussian(2, 0.6), "negative": gaussian(3)}


def dot(a, b):
    return (a * b).flatten(1).sum(1)


def test_what_is_taken_away_is_at_right_angles_to_the_prompt_s_guidance():
    x, every = normal(2, *SHAPE), believer(**MEANS)
    before, after = every(x, T), perp_neg(every, 1.5)(x, T)
    d, n = (before[name].eps - before["null"].eps for name in ("cond", "negative"))
    taken = (before["cond"].eps - after["cond"].eps) / 1.5
    assert dot(taken, d).abs().max() < 1e-10 and dot(taken, n).min() > 0.1
    assert torch.allclose(n - taken, (dot(n, d) / dot(d, d)).view(-1, 1, 1, 1) * d)
    assert all(torch.equal(before[name].eps, after[name].eps) for name in ("null", "negative"))


def test_x0_and_eps_stay_one_picture():
    x = normal(2, *SHAPE)
    p = perp_neg(believer(**MEANS))(x, T)["cond"]
    a, sigma = (k.view(-1, 1, 1, 1) for k in S(T))
    assert torch.allclose(a * p.x0 + sigma * p.eps, x, atol=1e-10)


def test_a_negative_that_is_the_prompt_or_nothing_takes_nothing():
    x = normal(2, *SHAPE)
    for name in ("cond", "null"):
        every = believer(**MEANS | {"negative": MEANS[name]})
        assert torch.allclose(perp_neg(every)(x, T)["cond"].eps, every(x, T)["cond"].eps, atol=1e-12)


def test_at_pure_noise_a_negative_along_the_prompt_takes_nothing_and_another_does():
    """Where alpha is 0 every branch has the same eps, which is x; what they believe differs in x0."""
    x, prompt, other = (normal(2, *SHAPE, seed=seed) for seed in range(3))
    other -= (dot(other, prompt) / dot(prompt, prompt)).view(-1, 1, 1, 1) * prompt

    def taken(negative):
        every = {"null": Pred(0 * x, x), "cond": Pred(prompt, x), "negative": Pred(negative, x)}
        return prompt - perp_neg(lambda *_: every)(x, T)["cond"].x0

    assert taken(3 * prompt).abs().max() < 1e-12
    torch.testing.assert_close(taken(2 * prompt + other), other, rtol=0, atol=1e-12)


def test_a_loss_takes_it_as_any_branches():
    x, every = normal(2, *SHAPE), believer(**MEANS)
    grad = gradient(sds(perp_neg(every), S, 5.0), x, generators())
    assert (grad - gradient(sds(every, S, 5.0), x, generators())).abs().max() > 0.1


def test_guidance_towards_branches_is_cfg(sd32):
    x, t = normal(1, *sd32.shape).float(), 500
    prompt = "a photo of a dog"
    plain = cfg(sd32, [prompt], 5.0)(x, t)
    assert torch.allclose(perp_neg_cfg(sd32, [prompt], 5.0, "")(x, t).eps, plain.eps, atol=1e-4)
    assert (perp_neg_cfg(sd32, [prompt], 5.0, "a photo of a cat")(x, t).eps - plain.eps).abs().max() > 0.01
    two = {"cond": Pred(x, 2 * x), "null": Pred(x, x)}
    assert torch.equal(cfg_predict(lambda *_: two, 3.0)(x, t).eps, 4 * x)

"""Every loss's gradient is its paper's formula, written out here once more, on scores known in closed form."""

from __future__ import annotations

import pytest
import torch

from synoptic.diffusion.equations import add_noise, coefficients, randn
from synoptic.distillation import weights
from synoptic.distillation.edit_losses import dds, pds, pds_coefficients
from synoptic.distillation.losses import csd, nfsd, sds, vsd
from synoptic.distillation.timesteps import linear_schedule, uniform_timesteps
from tests.distillation.exact import S, believer, by_row, gaussian, gradient, guided
from tests.exact import SHAPE, Mixture, ddpm, generators, normal

BRANCHES = {"cond": gaussian(1), "null": Mixture(S), "negative": gaussian(2, 0.6), "student": gaussian(3, 0.1)}
X = normal(3, *SHAPE, seed=4)


def noised(x=X, times=None):
    rngs = generators(len(x))
    t = (times or uniform_timesteps())(0, rngs)
    eps = randn(x.shape[1:], rngs, x)
    return t, eps, add_noise(S, x, eps, t)


def eps_at(xt, t):
    return {name: p.eps for name, p in believer(**BRANCHES)(xt, t).items()}


@pytest.mark.parametrize("weight", [weights.constant, weights.variance, weights.fantasia3d, weights.sqrt_noise_to_signal])
def test_sds(weight):
    t, eps, xt = noised()
    e, abar = eps_at(xt, t), S.alphas_cumprod[t].view(-1, 1, 1, 1)  # pyright: ignore[reportAttributeAccessIssue]
    w = {
        weights.constant: 1,
        weights.variance: 1 - abar,
        weights.fantasia3d: abar.sqrt() * (1 - abar),
        weights.sqrt_noise_to_signal: ((1 - abar) / abar).sqrt(),
    }
    truth = w[weight] * (e["null"] + 7.5 * (e["cond"] - e["null"]) - eps)
    grad = gradient(sds(believer(**BRANCHES), S, 7.5, weight=weight), X, generators(3))
    assert torch.allclose(grad, truth, rtol=1e-12, atol=1e-12) and grad.abs().max() > 0.1


@pytest.mark.parametrize("step", [0, 5, 20])
def test_csd(step):
    t, _, xt = noised()
    e, w2 = eps_at(xt, t), min(1, step / 10)
    truth = 2 * (e["cond"] - e["null"]) + w2 * (e["null"] - e["negative"])
    grad = gradient(csd(believer(**BRANCHES), S, 2.0, linear_schedule(0, 1, 10)), X, generators(3), step)
    assert torch.allclose(grad, truth, atol=1e-12)


def test_csd_is_what_sds_gains_by_one_more_of_guidance_and_needs_no_negative():
    every = believer(cond=BRANCHES["cond"], null=BRANCHES["null"])
    more, less = (gradient(sds(every, S, k), X, generators(3)) for k in (6.0, 5.0))
    assert torch.allclose(gradient(csd(every, S), X, generators(3)), more - less, atol=1e-12)


def test_nfsd_takes_the_negative_score_for_the_noise_from_late_on():
    t, _, xt = noised()
    e, late = eps_at(xt, t), int(t.sort().values[1])
    own = torch.stack([e["null"][k] - (e["negative"][k] if t[k] >= late else 0) for k in range(3)])
    grad = gradient(nfsd(believer(**BRANCHES), S, 7.5, late), X, generators(3))
    assert torch.allclose(grad, own + 7.5 * (e["cond"] - e["null"]), atol=1e-12)


def test_vsd():
    t, _, xt = noised()
    e, (_, sigma) = eps_at(xt, t), coefficients(S, t, X)
    truth = sigma**2 * (e["null"] + 7.5 * (e["cond"] - e["null"]) - e["student"])
    assert torch.allclose(gradient(vsd(believer(**BRANCHES), S), X, generators(3)), truth, atol=1e-12)


def test_vsd_with_a_perfect_student_is_zero():
    every = believer(cond=BRANCHES["cond"], null=BRANCHES["null"], student=BRANCHES["cond"])
    assert gradient(vsd(every, S, 1.0), X, generators(3)).abs().max() == 0


def test_vsd_whose_student_knows_its_one_particle_is_sds():
    x = X[:1]
    particle = Mixture(S, means=x, spreads=(0.0,), weights=(1.0,))
    every = believer(cond=BRANCHES["cond"], null=BRANCHES["null"], student=particle)
    a, b = (gradient(loss(every, S, 7.5, weight=weights.constant), x, generators(1)) for loss in (sds, vsd))
    assert torch.allclose(a, b, atol=1e-10) and a.abs().max() > 0.1


def test_dds():
    source, target = BRANCHES["null"], BRANCHES["cond"]
    before = normal(3, *SHAPE, seed=5)
    t, eps, xt = noised(times=uniform_timesteps(50, 949))
    truth = by_row(target)(xt, t).eps - by_row(source)(add_noise(S, before, eps, t), t).eps
    grad = gradient(dds(guided(target, source), S, before), X, generators(3))
    assert torch.allclose(grad, truth, atol=1e-12) and grad.abs().max() > 0.1


@pytest.mark.parametrize("stride", [1, 2, 20])
def test_pds_is_the_difference_of_stochastic_latents(stride):
    source, target = BRANCHES["null"], BRANCHES["cond"]
    before, later = normal(3, *SHAPE, seed=5), normal(3, *SHAPE, seed=6)
    t, eps, _ = noised()
    abar, step, prev = (S.alphas_cumprod[k].view(-1, 1, 1, 1) for k in (t, t - 1, t - stride))  # pyright: ignore
    alpha = abar / step
    beta = 1 - alpha

    def latent(predict, x):
        xt, x_prev = add_noise(S, x, eps, t), prev.sqrt() * x + (1 - prev).sqrt() * later
        x0 = by_row(predict)(xt, t).x0
        mu = prev.sqrt() * beta / (1 - abar) * x0 + alpha.sqrt() * (1 - prev) / (1 - abar) * xt
        return (x_prev - mu) / ((1 - prev) / (1 - abar) * beta).sqrt()

    grad = gradient(pds(guided(target, source), S, before, stride), X, generators(3))
    assert torch.allclose(grad, latent(target, X) - latent(source, before), atol=1e-9) and grad.abs().max() > 0.1


@pytest.mark.parametrize("edit", [dds, pds])
def test_an_edit_to_what_is_there_already_is_none(edit):
    for model in BRANCHES.values():
        assert gradient(edit(guided(model, model), S, X), X, generators(3)).abs().max() == 0


# of SD 1.x: t, then psi and chi of strides 2 and 20, and chi of stride 1, whose psi is 0
TABLE = [
    (22, 1.54, 0.226, 75.9, 0.617, 0.22),
    (100, 0.318, 0.116, 6.60, 0.132, 0.115),
    (300, 0.0798, 0.0839, 1.57, 0.0894, 0.084),
    (500, 0.0322, 0.0821, 0.629, 0.0872, 0.082),
    (979, 0.0042, 0.110, 0.083, 0.122, 0.109),
]


@pytest.mark.parametrize(("t", "psi2", "chi2", "psi20", "chi20", "chi1"), TABLE)
def test_the_coefficients_of_pds(t, psi2, chi2, psi20, chi20, chi1):
    s = ddpm(beta_start=0.00085, beta_end=0.012)
    for stride, psi, chi in ((2, psi2, chi2), (20, psi20, chi20), (1, 0.0, chi1)):
        found = [k.item() for k in pds_coefficients(s, torch.tensor([t]), stride)]
        assert found == pytest.approx([psi, chi], rel=0.02, abs=1e-9)


@pytest.mark.parametrize("name", ["sds", "nfsd", "vsd", "dds", "pds"])
def test_a_row_does_not_know_its_batch(name):
    source, every = normal(3, *SHAPE, seed=5), believer(**BRANCHES)

    def loss(rows):
        make = {"sds": sds, "nfsd": nfsd, "vsd": vsd, "dds": dds, "pds": pds}[name]
        pair = guided(BRANCHES["cond"], BRANCHES["null"])
        return make(pair, S, source[rows]) if name in ("dds", "pds") else make(every, S)

    whole = gradient(loss(slice(0, 3)), X, generators(3))
    for k in range(3):
        row = slice(k, k + 1)
        assert torch.allclose(gradient(loss(row), X[row], generators(3)[row]), whole[row], atol=1e-12)


def test_a_stride_back_in_time_is_refused():
    with pytest.raises(ValueError, match="stride"):
        pds(guided(BRANCHES["cond"], BRANCHES["null"]), S, X, 0)

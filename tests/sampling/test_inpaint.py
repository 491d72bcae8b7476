"""Inpainting: what is known comes back exactly, noise keeps its variance, and RePaint's jumps bring both sides together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from synoptic.diffusion.equations import Pred, add_noise, coefficients, ddim, ddim_solver, randn
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.guidance.cfg import cfg
from synoptic.io.blending import downsample_mask
from synoptic.sampling.inpaint import inpaint, keep_known, renoise, repaint_schedule
from synoptic.sampling.joint import joint_predict
from synoptic.sampling.single import sample
from synoptic.views.windows import Windows
from tests.exact import SHAPE, WINDOW, Mixture, ddpm, generators, normal

S = ddpm(set_alpha_to_one=True)
HALF = (torch.arange(WINDOW[1]) < 3).double().expand(1, 1, *WINDOW)


@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpm++"])
@pytest.mark.parametrize("resample", [1, 3])
def test_the_known_part_comes_back_to_the_bit(name, resample):
    x, known = normal(2, *SHAPE), normal(2, *SHAPE, seed=1)
    how = {"steps": S.steps(9), "resample": resample, "jump": 3, "solver": get_solver(name)}
    *_, last = inpaint(Mixture(S), S, x, known, HALF, **how, rngs=generators())
    keep = (HALF == 0).expand_as(known)
    assert torch.equal(last.x[keep], known[keep])
    assert (last.x - known)[~keep].abs().min() > 1e-3


def test_at_every_step_the_known_part_has_that_steps_noise():
    known, steps = torch.full((1, 1, 300, 300), 0.7).double(), S.steps(5)
    x, draws = normal(1, 1, 300, 300), iter(normal(5, 1, 1, 300, 300, seed=2))
    solve = keep_known(ddim_solver(), known, torch.zeros(1, 1, 1, 1).double())
    for t, t_prev in steps:
        x, _ = solve(S, x, x.tanh(), t, t_prev, (), lambda: next(draws))
        a, sigma = S(t_prev)
        assert x.mean().item() == pytest.approx(0.7 * a, abs=0.015)
        assert x.std().item() == pytest.approx(sigma, abs=0.01)


@pytest.mark.parametrize("m", [0.0, 0.3, 0.5, 1.0])
def test_soft_masks_blend_pictures_and_keep_the_noise_white(m):
    t, t_prev = S.steps(10)[4]
    x0, known = torch.full((1, 1, 300, 300), -0.4).double(), torch.full((1, 1, 300, 300), 0.8).double()
    xt = add_noise(S, x0, normal(1, 1, 300, 300), t)
    solve = keep_known(ddim_solver(), known, torch.full((1, 1, 1, 1), m).double())
    x, _ = solve(S, xt, x0, t, t_prev, (), lambda: normal(1, 1, 300, 300, seed=1))
    a, sigma = S(t_prev)
    assert x.mean().item() == pytest.approx(a * (m * -0.4 + (1 - m) * 0.8), abs=0.01)
    assert x.std().item() == pytest.approx(sigma, rel=0.01)


def test_a_mask_of_ones_is_plain_sampling():
    x, known = normal(2, *SHAPE), normal(2, *SHAPE, seed=1)
    *_, painted = inpaint(Mixture(S), S, x, known, torch.ones_like(HALF), steps=S.steps(9), rngs=generators())
    *_, plain = sample(Mixture(S), S, x, steps=S.steps(9))
    torch.testing.assert_close(painted.x, plain.x, rtol=0, atol=1e-12)


def test_the_walk_is_repaints():
    assert repaint_schedule(S.steps(50), 10, 1) == S.steps(50)
    assert len(repaint_schedule(S.steps(250), 10, 10)) == 2410
    for n, jump, resample in itertools.product((1, 5, 9, 10, 25), (1, 3, 10), (1, 2, 4)):
        steps = S.steps(n)
        path = repaint_schedule(steps, jump, resample)
        assert len(path) == n + (resample - 1) * jump * max(0, -(-(n - jump) // jump))
        at = [steps.index(pair) for pair in path]
        assert {b - a for a, b in itertools.pairwise(at)} <= {1, 1 - jump}
        assert at[0] == 0 and at[-1] == n - 1
    for jump, resample in [(0, 2), (3, 0)]:
        with pytest.raises(ValueError, match=f"jump and resample must be at least 1, not {jump} and {resample}"):
            repaint_schedule(S.steps(5), jump, resample)


def test_renoising_keeps_the_marginal():
    one = torch.ones(1, 1, 1, 1).double()
    for t, t_up in [(-1, 19), (19, 500), (500, 999), (300, 300)]:
        (a, sigma), (a_up, sigma_up) = S(t), S(t_up)
        assert renoise(S, a * one, t, t_up, 0 * one).item() == pytest.approx(a_up, abs=1e-12)
        kept, fresh = renoise(S, sigma * one, t, t_up, 0 * one).item(), renoise(S, 0 * one, t, t_up, one).item()
        assert kept**2 + fresh**2 == pytest.approx(sigma_up**2, abs=1e-12)


@pytest.mark.slow
def test_resampling_brings_the_painted_part_to_what_the_known_part_implies():
    """Two pixels of correlation 0.9, one of them known: the other's mean is 0.9 times it."""
    rho, n = 0.9, 1000
    cov = torch.tensor([[1, rho], [rho, 1]]).double()

    def denoise(x: Any, t: Any, views: Any = None) -> Pred:
        a, sigma = coefficients(S, t, x)
        gain = a * cov @ torch.linalg.inv(a**2 * cov + sigma**2 * torch.eye(2).double())
        x0 = (x.flatten(1) @ gain.T).view_as(x)
        return Pred(x0, (x - a * x0) / sigma)

    known = torch.tensor([1.5, 0.0]).double().expand(n, 1, 1, 2)
    mask = torch.tensor([0.0, 1.0]).double().view(1, 1, 1, 2)
    means = []
    for resample in (1, 10):
        rngs = [torch.Generator().manual_seed(k) for k in range(n)]
        x = randn((1, 1, 2), rngs, known)
        how = {"steps": S.steps(25), "resample": resample, "jump": 5, "solver": get_solver("ddpm"), "rngs": rngs}
        *_, last = inpaint(denoise, S, x, known, mask, **how)
        means.append(last.x[..., 1].mean().item())
    assert abs(means[1] - rho * 1.5) < 0.5 * abs(means[0] - rho * 1.5)


@pytest.mark.parametrize("name", ["ddpm", "dpm++"])
def test_resuming_is_bitwise_the_same_also_where_the_walk_turns_back(name):
    x, known = normal(2, *SHAPE), normal(2, *SHAPE, seed=1)
    how = {"steps": S.steps(7), "resample": 2, "jump": 3, "solver": get_solver(name)}
    rngs, whole, states = generators(), [], []
    for step in inpaint(Mixture(S), S, x, known, HALF, **how, rngs=rngs):
        whole.append(step)
        states.append([rng.get_state() for rng in rngs])
    assert [step.i for step in whole] == list(range(len(repaint_schedule(S.steps(7), 3, 2))))
    for k in range(len(whole) - 1):
        for rng, state in zip(rngs, states[k], strict=True):
            rng.set_state(state)
        again = {"rngs": rngs, "start": k + 1, "history": whole[k].history}
        *_, last = inpaint(Mixture(S), S, whole[k].x, known, HALF, **how, **again)
        assert torch.equal(last.x, whole[-1].x)


def test_a_wide_canvas_is_painted_in_windows():
    views = Windows((2, 6, 20), WINDOW, (6, 4))
    z, known = normal(2, *views.canvas), normal(2, *views.canvas, seed=1)
    mask = (torch.arange(20) > 11).double().expand(1, 1, 6, 20)
    *_, last = inpaint(joint_predict(Mixture(S), S, views), S, z, known, mask, steps=S.steps(9), rngs=generators())
    assert torch.equal(last.x[..., :12], known[..., :12])
    assert last.x.isfinite().all() and (last.x - known)[..., 12:].abs().min() > 1e-4


@pytest.mark.slow
def test_the_bundled_latent_model_paints_a_hole(sd32):
    """The known latents are back exactly, and the prompt's picture is not what was there."""
    s = sd32.schedule
    known = sd32.encode(torch.nn.functional.interpolate(torch.rand(1, 3, 4, 4), size=256, mode="bicubic") * 2 - 1)
    mask = downsample_mask(torch.nn.functional.pad(torch.ones(1, 1, 128, 128), [64] * 4), sd32.factor)
    x, rngs = randn(sd32.shape, generators(1)), generators(1)
    how = {"steps": timestep_pairs("ddpm", s, 6), "resample": 2, "jump": 2, "rngs": rngs}
    *_, last = inpaint(cfg(sd32, ["a photo of a horse"], 3.0), s, x, known, mask, **how)
    keep = (mask == 0).expand_as(known)
    assert torch.equal(last.x[keep], known[keep]) and (last.x - known)[~keep].abs().mean() > 0.3


def test_reimposing_is_the_courses_formula():
    """x_t <- m x_t + (1 - m) forward(known, t) for a hard mask."""
    x, known, noise = (normal(1, *SHAPE, seed=k) for k in range(3))
    t, t_prev = S.steps(10)[3]
    ours, _ = keep_known(ddim_solver(), known, HALF)(S, x, x.tanh(), t, t_prev, (), lambda: noise)
    course = HALF * ddim(S, x, x.tanh(), t, t_prev) + (1 - HALF) * add_noise(S, known, noise, t_prev)
    torch.testing.assert_close(ours, course, rtol=0, atol=1e-14)


def test_an_edge_that_is_carried_on_leaves_known_and_plain_parts_alone():
    """With `reach`, what is known still comes back to the bit; where nothing is known, it is plain sampling."""
    x, known = normal(2, *SHAPE), normal(2, *SHAPE, seed=1)
    *_, last = inpaint(Mixture(S), S, x, known, HALF, steps=S.steps(9), reach=2.0, rngs=generators())
    *_, none = inpaint(Mixture(S), S, x, known, HALF, steps=S.steps(9), rngs=generators())
    keep = (HALF == 0).expand_as(known)
    assert torch.equal(last.x[keep], known[keep]) and (last.x - none.x)[~keep].abs().max() > 1e-3
    ones = torch.ones_like(HALF)
    *_, painted = inpaint(Mixture(S), S, x, known, ones, steps=S.steps(9), reach=2.0, rngs=generators())
    *_, plain = sample(Mixture(S), S, x, steps=S.steps(9))
    torch.testing.assert_close(painted.x, plain.x, rtol=0, atol=1e-12)

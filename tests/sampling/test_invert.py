"""Inversion: from a picture to its noise and back, exactly in the limit and well on the bundled model."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.diffusion.equations import Pred, coefficients, randn
from synoptic.guidance.cfg import cfg
from synoptic.sampling.invert import invert
from synoptic.sampling.joint import joint_predict
from synoptic.sampling.single import sample
from synoptic.views.windows import Windows
from tests.exact import SHAPE, WINDOW, Mixture, ddpm, flow, generators, normal

S = ddpm(set_alpha_to_one=True, timestep_spacing="trailing")
X0 = 0.4 * normal(1, *SHAPE, seed=9)[0] + 0.5 * normal(2, *SHAPE)


def gaussian() -> Mixture:
    return Mixture(S, 0.4 * normal(1, *SHAPE, seed=9), (0.5,), (1.0,))


def round_trip(n: int, refine: int) -> float:
    *_, noise = invert(gaussian(), S, X0, steps=S.steps(n), refine=refine)
    *_, back = sample(gaussian(), S, noise.x, steps=S.steps(n))
    return (back.x - X0).abs().max().item()


def test_the_round_trip_converges_with_the_steps_and_faster_refined():
    for refine, order in [(0, 1), (1, 2)]:
        coarse, fine = round_trip(50, refine), round_trip(200, refine)
        assert math.log2(coarse / fine) / 2 == pytest.approx(order, abs=0.35)


def test_each_refinement_comes_nearer_until_the_inverse_is_exact():
    errors = [round_trip(20, refine) for refine in (0, 1, 2, 4, 60)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-10


@pytest.mark.parametrize(
    "s",
    [
        flow(shift=3.0),
        ddpm(
            prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", set_alpha_to_one=True
        ),
    ],
    ids=["flow", "zero terminal SNR"],
)
def test_a_step_to_pure_noise_is_inverted_too(s):
    """eps is x_t there, whatever the network says: a step along eps alone would not move."""
    steps, mean = s.steps(12), 0.4 * normal(1, *SHAPE, seed=9)

    def denoise(x, t, views=None):
        a, sigma = coefficients(s, t, x)
        x0 = mean + a * 0.25 / (a**2 * 0.25 + sigma**2) * (x - a * mean)
        return Pred(x0, (x - a * x0) / sigma)

    assert s(steps[0][0])[0] == 0
    whole = list(invert(denoise, s, X0, steps=steps, refine=60))
    assert (whole[-1].x - whole[-2].x).abs().max() > 0.01
    *_, back = sample(denoise, s, whole[-1].x, steps=steps)
    torch.testing.assert_close(back.x, X0, rtol=0, atol=1e-10)


def test_the_noise_of_an_exact_model_is_white():
    x0 = 0.4 * normal(1, *SHAPE, seed=9) + 0.5 * normal(500, *SHAPE, seed=3)
    *_, last = invert(gaussian(), S, x0, steps=S.steps(200))
    assert last.x.std().item() == pytest.approx(1, abs=0.02) and abs(last.x.mean().item()) < 0.02


def test_steps_are_those_of_sampling_backwards_and_it_resumes():
    steps = S.steps(6)
    whole = list(invert(gaussian(), S, X0, steps=steps))
    assert [step.t for step in whole] == [t for t, _ in steps][::-1] and [step.i for step in whole] == list(range(6))
    rest = list(invert(gaussian(), S, whole[2].x, steps=steps, start=3))
    assert all(torch.equal(a.x, b.x) for a, b in zip(whole[3:], rest, strict=True))


@pytest.mark.slow
def test_a_wide_canvas_comes_back():
    views = Windows((2, 6, 20), WINDOW, (6, 4))
    denoise = joint_predict(gaussian(), S, views)
    z0 = 0.5 * normal(2, *views.canvas)
    *_, noise = invert(denoise, S, z0, steps=S.steps(50), refine=30)
    *_, back = sample(denoise, S, noise.x, steps=S.steps(50))
    torch.testing.assert_close(back.x, z0, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_pictures_of_the_bundled_model_come_back(sd32):
    s, steps, prompts = sd32.schedule, sd32.schedule.steps(25), ["a photo of a horse"] * 4  # one's noise alone: 0.87 to 1.01
    *_, painted = sample(cfg(sd32, prompts, 4.5), s, randn(sd32.shape, generators(4)), steps=s.steps(10))
    plain = cfg(sd32, prompts, 1.0)
    *_, noise = invert(plain, s, painted.x, steps=steps)
    *_, back = sample(plain, s, noise.x, steps=steps)
    pictures, again = (sd32.decode(x).clamp(-1, 1) for x in (painted.x, back.x))
    assert 10 * math.log10(4 / (pictures - again).square().mean().item()) > 30
    assert noise.x.std().item() == pytest.approx(1, abs=0.15)

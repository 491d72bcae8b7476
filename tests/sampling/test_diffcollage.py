"""DiffCollage against its equation, with denoisers that are exact."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time, coefficients, pred_from_output
from synoptic.sampling.diffcollage import Crops, diffcollage_predict, factor_graph_1d
from synoptic.sampling.single import sample
from tests.exact import SHAPE, WINDOW, Mixture, ddpm, normal


def curious(s: Any) -> Any:
    """A made-up network of pictures of any size."""

    def denoise(x: Tensor, t: Time, views: Any = None) -> Pred:
        return pred_from_output(s, x, torch.tanh(x.flip(-1) + 0.3 * x.mean((2, 3), keepdim=True)), t)

    return denoise


def test_two_windows_are_the_sum_of_their_scores_less_their_overlaps():
    s, t, z = ddpm(), 500, normal(2, 2, 6, 12)
    denoise, (_, sigma) = curious(s), ddpm()(500)

    def score(x: Tensor) -> Tensor:
        return -denoise(x, t).eps / sigma

    right = torch.zeros_like(z)
    right[..., :8] += score(z[..., :8])
    right[..., 4:] += score(z[..., 4:])
    right[..., 4:8] -= score(z[..., 4:8])
    p = diffcollage_predict(denoise, s, (2, 6, 12), WINDOW, (6, 4), False)(z, t)
    torch.testing.assert_close(-p.eps / sigma, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize(("length", "window", "stride"), [(12, 8, 4), (21, 8, 3), (17, 8, 8), (8, 8, 4), (36, 32, 16)])
def test_factors_sum_to_one_at_every_place(length, window, stride, wrap):
    count = torch.zeros(length, dtype=torch.long)
    for start, size, sign in factor_graph_1d(length, window, stride, wrap):
        count.index_add_(0, (start + torch.arange(size)) % length, torch.full((size,), sign))
    assert (count == 1).all()


@pytest.mark.parametrize("wrap", [False, True])
def test_what_is_independent_from_place_to_place_is_sampled_exactly(wrap):
    s = ddpm()

    def alone(x: Tensor, t: Time, views: Any = None) -> Pred:  # every pixel Gaussian by itself, spread 0.5 about 0.2
        a, sigma = coefficients(s, t, x)
        x0 = 0.2 + a * 0.25 / (a**2 * 0.25 + sigma**2) * (x - a * 0.2)
        return Pred(x0, (x - a * x0) / sigma)

    z = normal(2, 2, 13, 20)
    graph = diffcollage_predict(alone, s, (2, 13, 20), WINDOW, (4, 5), wrap)
    *_, ours = sample(graph, s, z, steps=s.steps(6))
    *_, whole = sample(alone, s, z, steps=s.steps(6))
    torch.testing.assert_close(ours.x, whole.x, rtol=0, atol=1e-12)


def test_one_window_is_plain_sampling():
    s, z = ddpm(), normal(2, *SHAPE)
    *_, ours = sample(diffcollage_predict(Mixture(s), s, SHAPE, WINDOW, (3, 4), False), s, z, steps=s.steps(6))
    *_, plain = sample(Mixture(s), s, z, steps=s.steps(6))
    torch.testing.assert_close(ours.x, plain.x, rtol=0, atol=1e-12)


def test_a_ring_rolls_with_its_noise():
    s, z = ddpm(), normal(1, 2, 6, 20)
    graph = diffcollage_predict(curious(s), s, (2, 6, 20), WINDOW, (6, 4), True)
    (*_, a), (*_, b) = (sample(graph, s, u, steps=s.steps(5)) for u in (z, z.roll(8, -1)))
    torch.testing.assert_close(b.x, a.x.roll(8, -1), rtol=0, atol=1e-12)


def test_the_network_is_told_what_it_sees():
    s, crops = ddpm(), []

    def listen(x: Tensor, t: Time, views: Any = None) -> Pred:
        crops.append(views)
        assert torch.equal(views.project(z), x)
        return curious(s)(x, t)

    z = normal(1, 2, 12, 14)
    diffcollage_predict(listen, s, (2, 12, 14), WINDOW, (3, 4), True)(z, 500)
    assert all(isinstance(cut, Crops) for cut in crops)
    up = z.repeat_interleave(2, -1).repeat_interleave(2, -2)
    for cut in crops:
        assert torch.equal(cut.scaled(2).project(up), cut.project(z).repeat_interleave(2, -1).repeat_interleave(2, -2))

"""The noise laboratory: the course's steps, and blurs against the definition and against the model."""

from __future__ import annotations

import itertools
import math
from random import Random

import pytest
import torch

from bundled_training.render import Renderer
from bundled_training.render.captions import specs
from synoptic.diffusion.equations import add_noise, randn
from synoptic.guidance.cfg import cfg
from synoptic.sampling.baselines import best_gaussian_denoise, gaussian_denoise, strided_pairs
from tests.exact import generators, normal


def test_the_courses_steps():
    steps = strided_pairs()
    assert [t for t, _ in steps] == list(range(990, -1, -30)) and steps[10] == (690, 660)
    assert steps[-1] == (0, -1) and all(a[1] == b[0] for a, b in itertools.pairwise(steps))


@pytest.mark.parametrize(("sigma", "kernel"), [(2.0, 5), (0.7, 3), (1.3, None)])
def test_blur_is_a_gaussian_mean_of_the_mirrored_picture(sigma, kernel):
    x = normal(2, 3, 17, 19)
    r = kernel // 2 if kernel else math.ceil(3 * sigma)
    wide = torch.nn.functional.pad(x, [r] * 4, mode="reflect")
    weights = {(i, j): math.exp(-(i * i + j * j) / (2 * sigma**2)) for i in range(-r, r + 1) for j in range(-r, r + 1)}
    want = sum(w * wide[..., r + i : r + i + 17, r + j : r + j + 19] for (i, j), w in weights.items())
    torch.testing.assert_close(gaussian_denoise(x, sigma, kernel), want / sum(weights.values()), rtol=0, atol=1e-12)
    torch.testing.assert_close(gaussian_denoise(torch.full_like(x, 0.3), sigma, kernel), torch.full_like(x, 0.3))


def test_the_best_blur_is_best_and_wider_for_more_noise():
    clean = gaussian_denoise(normal(1, 3, 64, 64), 4.0, None)
    clean, widths = clean / clean.std(), []
    for noise in (0.2, 0.6, 2.0):
        noisy = clean + noise * normal(1, 3, 64, 64, seed=1)
        best, sigma = best_gaussian_denoise(noisy, clean)
        error = (best - clean).square().mean()
        assert all(error <= (gaussian_denoise(noisy, k, None) - clean).square().mean() for k in (sigma / 1.15, sigma * 1.15))
        assert error < (noisy - clean).square().mean()
        widths.append(sigma)
    assert widths == sorted(widths) and widths[0] < widths[-1]


@pytest.mark.slow
def test_one_step_of_the_bundled_model_beats_the_best_blur(pixel32):
    chosen, s = specs(4, Random(3)), pixel32.schedule
    clean, _ = Renderer("cpu").render(chosen, 64)
    predict = cfg(pixel32, [spec.caption for spec in chosen], 1.0)
    for t in (250, 500, 750):
        noisy = add_noise(s, clean, randn(clean.shape[1:], generators(4)), t)
        x0 = predict(noisy, t).x0
        for k in range(4):
            best, _ = best_gaussian_denoise(noisy[k : k + 1], clean[k : k + 1])
            assert (x0[k] - clean[k]).square().mean() < (best[0] - clean[k]).square().mean()

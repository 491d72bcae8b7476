"""Canvases larger than the model: what views believe together is what a model of that size would."""

from __future__ import annotations

import torch

from synoptic.diffusion.equations import Pred, coefficients
from synoptic.distillation.losses import sds
from synoptic.distillation.on_windows import canvas_branches
from synoptic.views.windows import Windows
from tests.distillation.exact import S, gradient
from tests.exact import generators, normal


def pixelwise(mean: float):
    """Every number is a Gaussian of its own, so that a crop's score is the crop of the score."""

    def predict(x, t):
        a, sigma = coefficients(S, t, x)
        x0 = mean + 0.09 * a / (0.09 * a**2 + sigma**2) * (x - a * mean)
        return Pred(x0, (x - a * x0) / sigma)

    return predict


def test_the_gradient_on_a_canvas_is_that_of_a_model_as_large():
    cond, null = pixelwise(0.4), pixelwise(-0.2)

    def every(x, t, camera=None):
        return {"cond": cond(x, t), "null": null(x, t)}

    views = Windows((2, 9, 21), (6, 8), (3, 5), circular=True)
    z = normal(3, *views.canvas)
    a, b = (gradient(sds(believe, S, 7.5), z, generators(3)) for believe in (canvas_branches(every, views), every))
    assert torch.allclose(a, b, atol=1e-12) and a.abs().max() > 0.1

"""The VAE of a latent model: it gives a picture back, and gradients pass it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synoptic.diffusion.equations import randn
from synoptic.guidance.cfg import cfg
from synoptic.models.load import load
from synoptic.sampling.single import sample


@pytest.fixture(scope="module")
def sd() -> Any:
    return load("bundled", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def picture(sd):
    """(1, 3, 256, 256) in [-1, 1], painted in a few steps."""
    x = randn(sd.shape, [torch.Generator().manual_seed(0)])
    predict = cfg(sd, ["a photo of snowy mountains at sunset"], 5.0)
    for step in sample(predict, sd.schedule, x, steps=sd.schedule.steps(5)):
        x = step.x
    return sd.decode(x).detach().clamp(-1, 1)


@pytest.mark.slow
def test_the_vae_gives_a_picture_back(sd, picture):
    error = (sd.decode(sd.encode(picture)).clamp(-1, 1) - picture).square().mean()
    assert picture.std() > 0.2
    assert 10 * torch.log10(4 / error) > 30


def test_encode_and_decode_are_differentiable(sd):
    x = (torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1).requires_grad_()
    sd.decode(sd.encode(x)).square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.std() > 1e-3
    assert all(p.grad is None for p in sd.vae.parameters())

"""Views through pixels, on the bundled latent model at half its size: what goes through the autoencoder comes back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from synoptic.guidance.cfg import cfg
from synoptic.sampling.joint import instance
from synoptic.sampling.single import sample
from synoptic.views.anagram import Anagram
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.registry import get_view

CANVAS = (3, 128, 128)


def through(model, *names: str, **how) -> PixelSpace:
    return PixelSpace(Anagram(CANVAS, [get_view(name) for name in names]), model.encode, model.decode, **how)


def latents(rows: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(rows, 8, 16, 16, generator=torch.Generator().manual_seed(seed)).to(dtype)


def gap(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return (a - b).abs().max().item()


@torch.no_grad()
def test_one_identity_view_gives_back_what_it_was_given(sd32):
    u = latents(2)
    whole, lossy = through(sd32, "identity"), through(sd32, "identity", residual=False)
    assert gap(whole.project(whole.unproject(u), onto=u), u) < 1e-6
    assert gap(lossy.project(lossy.unproject(u), onto=u), u) > 0.1


@pytest.mark.slow
@torch.no_grad()
def test_views_of_one_picture_keep_what_the_autoencoder_loses_of_each(sd32):
    views = through(sd32, "identity", "rotate_cw")
    u = sd32.encode(views.inner.project(torch.rand(1, *CANVAS) * 2 - 1)) + 0.1 * latents(2)
    agreed = views.project(views.unproject(u), onto=u)
    lost = u - sd32.encode(sd32.decode(u))
    assert gap(agreed - lost, sd32.encode(views.inner.project(views.unproject(u)))) < 1e-5
    assert gap(views.project(views.unproject(u)), agreed - lost) < 1e-5, "without `onto` nothing is given back"


@torch.no_grad()
def test_the_canvas_is_the_mean_of_the_pictures_seen_back(sd32):
    views, x = through(sd32, "identity", "rotate_cw"), latents(4)
    z = views.unproject(x)
    assert z.shape == (2, *CANVAS) and (views.canvas, len(views)) == (CANVAS, 2)
    for b in range(2):
        upright, turned = sd32.decode(x[2 * b : 2 * b + 2])
        assert gap(z[b], (upright + turned.rot90(1, (1, 2))) / 2) < 1e-5
    assert views.project(z).shape == x.shape


@pytest.mark.slow
@torch.no_grad()
def test_one_view_synchronized_through_pixels_is_the_plain_loop(sd64):
    s, x = sd64.schedule, latents(1, torch.float64)
    predict, steps = cfg(sd64, ["a photo of a horse"]), s.steps(2)
    plain = list(sample(predict, s, x, steps=steps))[-1].x
    assert gap(list(instance(predict, s, through(sd64, "identity"), x, steps=steps))[-1].x, plain) < 1e-9
    lossy = through(sd64, "identity", residual=False)
    assert gap(list(instance(predict, s, lossy, x, steps=steps))[-1].x, plain) > 0.1


def test_a_finer_canvas_keeps_its_rules(sd32):
    views = through(sd32, "identity", "jigsaw", residual=False).scaled(2)
    assert (views.canvas, len(views), views.residual) == ((3, 256, 256), 2, False)


def test_pixels_have_no_latent_noise_to_share(sd32):
    with pytest.raises(ValueError, match="no latent noise to share: start from independent noise, with eta 0"):
        through(sd32, "identity").noise([torch.Generator()], latents(1))

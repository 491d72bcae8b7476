"""Pictures as scenes: what is shown is what was given, and gradients arrive, from outside the range as well."""

from __future__ import annotations

import torch

from synoptic.distillation.image_scene import LatentImage, PixelImage
from tests.exact import SHAPE, generators, normal


def test_a_scene_shows_what_it_was_given_and_leaves_that_alone():
    for make in (LatentImage, PixelImage):
        x = 0.2 * normal(2, *SHAPE)
        scene = make(x)
        shot = scene.render(scene.camera(generators(), 0))
        assert torch.equal(shot.image, x) and shot.penalty == 0
        before = shot.image.detach()
        with torch.no_grad():
            next(scene.parameters()).add_(1)
        assert torch.equal(before, x) and not torch.equal(scene.render(None).image, x)


def test_a_pixel_that_left_the_range_is_shown_at_its_edge_and_finds_back():
    scene = PixelImage(torch.tensor([[[[2.0, -3.0, 0.5]]]]))
    image = scene.render(None).image
    assert torch.allclose(image, torch.tensor([[[[1.0, -1.0, 0.5]]]]))
    image.backward(torch.ones_like(image))
    assert scene.image.grad is not None and (scene.image.grad == 1).all()


def test_the_gradient_passes_through_a_latent_models_encoder(sd64):
    scene = PixelImage(0.2 * normal(1, 3, 64, 64))
    far = normal(1, 8, 8, 8, seed=1)
    (sd64.encode(scene.render(None).image) * far).sum().backward()
    assert scene.image.grad is not None
    along, h = normal(1, 3, 64, 64, seed=2), 1e-4
    with torch.no_grad():
        ends = [(sd64.encode(scene.image + k * h * along) * far).sum() for k in (1, -1)]
    assert torch.isclose((scene.image.grad * along).sum(), (ends[0] - ends[1]) / (2 * h), rtol=1e-5)

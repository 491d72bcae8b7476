"""What panoramas are measured by, on pictures that have and have not what is measured."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from synoptic.io import to_pil
from synoptic.metrics.sphere import pole_pinch, view_agreement
from synoptic.views.directions import spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.sphere import canvas_rays, stitch


def blobs(*shape: int, size: int) -> torch.Tensor:
    """Smooth noise in [-1, 1]."""
    small = torch.randn(shape[0], 3, shape[1] // size, shape[2] // size, generator=torch.Generator().manual_seed(0))
    return interpolate(small, shape[1:], mode="bicubic").mul(0.5).clamp(-1, 1)


def picture(x: torch.Tensor) -> Image.Image:
    return to_pil(x.float())[0]


def test_a_flat_picture_stretched_over_the_sphere_is_pinched_and_views_of_the_poles_are_not():
    assert pole_pinch(picture(blobs(1, 256, 512, size=32))) > 2
    directions = spread_directions(18)
    views = blobs(18, 128, 128, size=8)
    assert pole_pinch(picture(stitch(views, directions, 80.0, 256))) == pytest.approx(1, abs=0.4)
    assert pole_pinch(Image.new("RGB", (512, 256), "blue")) == pytest.approx(1)


def test_smooth_colors_by_direction_are_not_pinched():
    assert pole_pinch(picture(canvas_rays(256).permute(2, 0, 1)[None])) == pytest.approx(1, abs=0.3)


def test_views_agree_as_much_as_their_noise_lets_them():
    height = matching_height(80.0, 16)
    views = Equirectangular((3, height, 2 * height), spread_directions(18), 80.0, 16)
    agreed = views.project(torch.rand(1, *views.canvas, dtype=torch.float64))
    assert view_agreement(views, agreed) > 100
    apart = agreed + 0.1 * torch.randn(agreed.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    least = 10 * math.log10(4 / 0.1**2)  # of noise that no other view shares; a mean of views keeps a part of it
    assert least < view_agreement(views, apart) < least + 6

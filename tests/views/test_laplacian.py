"""Laplacian pyramids: they give back their picture, and a blend keeps what is strong in one of two."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.views.anagram import Anagram
from synoptic.views.laplacian import blend_pyramids, collapse, laplacian_pyramid
from synoptic.views.registry import get_view


def picture(seed: int, side: int = 40) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_pyramid_gives_back_its_picture():
    x = picture(0)
    bands = laplacian_pyramid(x)
    assert [band.shape[-1] for band in bands] == [40, 20, 10, 5, 2]
    torch.testing.assert_close(collapse(bands), x)


def test_without_an_exponent_the_blend_is_the_weighted_mean():
    x, y = picture(0), picture(1)
    torch.testing.assert_close(blend_pyramids([x, y], [1, 3], exponent=0.0), (x + 3 * y) / 4)


def test_what_is_strong_in_one_is_dimmed_less_than_by_a_mean():
    """Fine stripes against gray: in every band |v|^1.5 / |v|^0.5, up to the 1e-6 that gray has."""
    stripes = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    stripes[..., ::2] = 1.0
    gray = torch.full_like(stripes, 0.5)
    found = blend_pyramids([stripes, gray], [1, 1])
    assert (found - stripes).abs().max() < 0.01 < 0.24 < ((stripes + gray) / 2 - stripes).abs().max()


def test_views_of_one_picture_give_it_back():
    views = Anagram((3, 40, 40), [get_view(name) for name in ("identity", "rotate_cw", "flip")], blend=blend_pyramids)
    z = picture(2)
    torch.testing.assert_close(views.unproject(views.project(z)), z)
    assert views.scaled(2).blend is blend_pyramids

"""A whole sphere: the laws, what rolling it does, and its noise."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.views.directions import Direction, ring, spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height

SIDE, FOV = 16, 80.0
HEIGHT = matching_height(FOV, SIDE)


def sphere(canvas: tuple[int, int, int] = (2, HEIGHT, 2 * HEIGHT)) -> Equirectangular:
    return Equirectangular(canvas, spread_directions(18), FOV, SIDE)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rngs(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_both_laws_and_constants():
    views = sphere()
    z, x = normal(2, *views.canvas), normal(2 * len(views), 2, SIDE, SIDE)
    assert (views.unproject(views.project(z)) - z)[..., views.hit].abs().max() < 1e-12
    once = views.project(views.unproject(x))
    assert (views.project(views.unproject(once)) - once).abs().max() < 1e-12
    assert torch.equal(views.project(torch.ones(1, *views.canvas)), torch.ones(18, 2, SIDE, SIDE))
    torch.testing.assert_close(views.unproject(torch.ones(18, 2, SIDE, SIDE)), torch.ones(1, *views.canvas))


def test_the_canvas_is_as_coarse_as_the_views_so_that_they_share_its_places():
    views = sphere()
    readers = torch.zeros(HEIGHT * 2 * HEIGHT).index_add(0, views.index, torch.ones(len(views.index)))
    assert views.hit.double().mean() > 0.8 and views.seen.all()
    assert (readers[views.index] > 1).double().mean() > 0.9
    middle = 360 / (2 * HEIGHT)  # degrees of a place on the horizon, and of a pixel in the middle of a view
    assert math.degrees(math.atan(2 * math.tan(math.radians(FOV / 2)) / SIDE)) == pytest.approx(middle, rel=0.1)


def test_rolling_the_canvas_permutes_the_ring():
    views = Equirectangular((1, HEIGHT, 2 * HEIGHT), ring(8), FOV, SIDE, whole=False)
    z = normal(1, *views.canvas)
    assert views.canvas[2] % 8 == 0
    rolled = z.roll(2 * HEIGHT // 8, -1)
    assert torch.equal(views.project(rolled), views.project(z).roll(1, 0))


@pytest.mark.parametrize("k", [2, 4])
def test_finer_views_look_the_same_way(k):
    finer = sphere().scaled(k)
    assert finer.canvas == (2, HEIGHT * k, 2 * HEIGHT * k) and finer.size == (SIDE * k, SIDE * k)
    smooth = torch.linspace(0, 1, HEIGHT, dtype=torch.float64)[:, None].expand(1, 2, -1, 2 * HEIGHT)
    fine = torch.linspace(0, 1, HEIGHT * k, dtype=torch.float64)[:, None].expand(1, 2, -1, 2 * HEIGHT * k)
    seen = torch.nn.functional.avg_pool2d(finer.project(fine), k)
    assert (seen - sphere().project(smooth)).abs().max() < 1.5 / HEIGHT


@pytest.mark.parametrize("elevation", [0.0, 45.0, 90.0])
def test_noise_is_white_in_every_view_also_at_the_poles(elevation):
    side = 24
    height = matching_height(FOV, side)
    views = Equirectangular((4, height, 2 * height), [Direction(30.0, elevation)], FOV, side, whole=False)
    x = views.noise(rngs(*range(16)), torch.empty(0, dtype=torch.float64))
    n = x.numel()
    assert abs(x.mean()) < 3 / math.sqrt(n) and abs(x.std() - 1) < 3 / math.sqrt(2 * n)
    assert (x.std(0) - 1).abs().max() < 0.9  # pixel by pixel, of 16 pictures
    for near in (x[..., 1:] * x[..., :-1], x[..., 1:, :] * x[..., :-1, :], x[..., 1:, 1:] * x[..., :-1, :-1]):
        assert abs(near.mean()) < 0.03


def test_noise_is_shared_between_views_and_each_picture_has_its_own():
    height = matching_height(FOV, 24)
    around = [Direction(0.0, 0.0), Direction(360 / (2 * height), 0.0)]  # a place of the canvas, about a pixel, apart
    views = Equirectangular((4, height, 2 * height), around, FOV, 24, whole=False)
    x = views.noise(rngs(0, 1), torch.empty(0)).unflatten(0, (2, 2))
    middle = (x[:, 0, :, 8:16, 9:17] * x[:, 1, :, 8:16, 8:16]).mean()
    assert middle > 0.6
    assert abs((x[0, 0] * x[1, 0]).mean()) < 0.06
    alone = views.noise(rngs(1), torch.empty(0))
    assert torch.equal(alone, x[1])


def test_nearest_reading_of_a_coarse_canvas_is_not_white_which_is_why_noise_is_summed():
    views = sphere((1, HEIGHT, 2 * HEIGHT))
    x = views.project(randn(views.canvas, rngs(0)))
    assert (x[..., 1:] * x[..., :-1]).mean() > 0.1


def test_views_that_leave_a_part_unseen_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match="do not see the whole sphere"):
        Equirectangular((1, 16, 32), ring(8), FOV, SIDE)
    with pytest.raises(ValueError, match="twice as wide as high"):
        Equirectangular((1, 16, 16), ring(8), FOV, SIDE, whole=False)

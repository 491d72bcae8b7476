"""Views of a surface: the laws, its noise, and its backgrounds."""

from __future__ import annotations

import math
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.surface_maps import choose_views, surface_maps
from synoptic.views.surface import DecodedSurface, SurfaceViews
from tests.mesh.shapes import CUBE

SIDE = 24


@pytest.fixture(scope="module")
def views(tmp_path_factory) -> SurfaceViews:
    file: Path = tmp_path_factory.mktemp("cube") / "cube.obj"
    file.write_text(CUBE)
    surface = PaintedSurface.read(file)
    camera = choose_views(surface, 10).camera
    return SurfaceViews(2, cache(partial(surface_maps, surface, camera)), SIDE, 1.0)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("power", [0.0, 1.0, 6.0])
def test_both_laws_and_constants_by_every_weight(views, power):
    v = views.with_power(power)
    z, x = normal(2, *v.canvas), normal(2 * len(v), 2, SIDE, SIDE)
    assert v.hit.all() and (v.unproject(v.project(z)) - z).abs().max() < 1e-12
    once = v.project(v.unproject(x), onto=x)
    assert (v.project(v.unproject(once), onto=once) - once).abs().max() < 1e-12
    torch.testing.assert_close(v.unproject(torch.ones(len(v), 2, SIDE, SIDE)), torch.ones(1, *v.canvas))


def test_views_share_cells_and_keep_their_backgrounds(views):
    readers = torch.bincount(views.index[views.covered])
    assert (readers[views.index[views.covered]] > 1).double().mean() > 0.8
    x = normal(len(views), 2, SIDE, SIDE)
    shown = views.project(torch.zeros(1, *views.canvas, dtype=x.dtype), onto=x)
    background = ~views.covered.view(len(views), 1, SIDE, SIDE).expand_as(x)
    assert torch.equal(shown[background], x[background]) and not shown[~background].any()
    through = DecodedSurface(views, lambda x: 2 * x, lambda x: x / 2)
    kept = through.project(torch.zeros(1, *views.canvas, dtype=x.dtype), onto=x)
    torch.testing.assert_close(kept[background], x[background])


def test_noise_is_white_in_every_view_and_shared_between_them(views):
    x = views.noise([torch.Generator().manual_seed(k) for k in range(64)], torch.empty(0, dtype=torch.float64))
    n = x.numel()
    assert abs(x.mean()) < 3 / math.sqrt(n) and abs(x.std() - 1) < 3 / math.sqrt(n)
    for near in (x[..., 1:] * x[..., :-1], x[..., 1:, :] * x[..., :-1, :]):
        assert abs(near.mean()) < 0.03
    seen = x.unflatten(0, (64, -1)).transpose(1, 2).flatten(2)[:, :, views.covered]
    mean = views.project(views.unproject(x)).unflatten(0, (64, -1)).transpose(1, 2).flatten(2)[:, :, views.covered]
    alone = torch.randn(seen.shape, generator=torch.Generator().manual_seed(9), dtype=x.dtype)
    whole = torch.zeros_like(x).unflatten(0, (64, -1)).transpose(1, 2).flatten(2)
    whole[:, :, views.covered] = alone
    other = whole.unflatten(2, (len(views), -1)).transpose(1, 2).reshape(x.shape)
    independent = (
        views.project(views.unproject(other)).unflatten(0, (64, -1)).transpose(1, 2).flatten(2)[:, :, views.covered]
    )
    assert mean.std() > independent.std(), "views that agree on shared noise keep more of it"


def test_views_of_another_power_read_what_these_read_and_are_as_if_made_by_it(views):
    other, anew = views.with_power(6.0), SurfaceViews(2, views.maps_at, SIDE, 6.0)
    x = normal(len(views), 2, SIDE, SIDE)
    assert torch.equal(other.unproject(x), anew.unproject(x)) and not torch.equal(other.unproject(x), views.unproject(x))
    assert other.index is views.index and (views.power, other.power) == (1.0, 6.0)

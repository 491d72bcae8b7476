"""Depth along a view's axis, against a room whose walls say exactly how far each of them is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from synoptic.views.directions import Direction, spread_directions
from synoptic.views.planar_depth import inverse_planar_depth, near_maps
from synoptic.views.sphere import axes_of, canvas_rays, view_rays

LOW, HIGH = torch.tensor([-2.0, -1.5, -4.0]).double(), torch.tensor([3.0, 2.0, 2.5]).double()  # walls; the camera at 0
FOV, SIDE = 80.0, 48


def met(rays: Tensor) -> Tensor:
    """Return where rays (…, 3) from the camera meet the room's walls, by slabs."""
    return rays * (torch.where(rays > 0, HIGH, LOW) / rays).amin(-1, keepdim=True)


def radial(height: int) -> Tensor:
    return met(canvas_rays(height)).norm(dim=-1).float()


@pytest.mark.parametrize(
    ("direction", "wall"),
    [
        (Direction(0.0, 0.0), 4.0),
        (Direction(-90.0, 0.0), 2.0),
        (Direction(0.0, 90.0), 2.0),
        *(
            pytest.param(Direction(*angles), wall, marks=pytest.mark.slow)
            for angles, wall in (((90.0, 0.0), 3.0), ((180.0, 0.0), 2.5), ((0.0, -90.0), 1.5))
        ),
    ],
)
def test_a_wall_that_a_view_faces_has_one_depth(direction, wall):
    """The distance along its middle ray, in the pixels at its edge too, which are a third farther from the camera."""
    found = 1 / inverse_planar_depth(radial(1024), [direction], FOV, SIDE)[0, 0]
    places = met(view_rays(direction, FOV, (SIDE, SIDE)))
    depth = places @ axes_of(direction)[2]
    facing = (depth - wall).abs() < 1e-9
    assert facing.float().mean() > 0.2
    inner = torch.nn.functional.max_pool2d(1 - facing[None].float(), 3, 1, 1)[0] == 0  # no pixel read over a corner
    assert (found[inner] / wall - 1).abs().max() < 1e-5


@pytest.mark.slow
def test_every_view_of_a_room_has_the_depth_of_its_walls():
    directions = spread_directions(18)
    found = inverse_planar_depth(radial(2048), directions, FOV, SIDE)[:, 0]
    exact = torch.stack([1 / (met(view_rays(d, FOV, (SIDE, SIDE))) @ axes_of(d)[2]) for d in directions])
    assert (found / exact - 1).abs().max() < 1e-3 and (found / exact - 1).abs().median() < 1e-6
    r = torch.stack([1 / met(view_rays(d, FOV, (SIDE, SIDE))).norm(dim=-1) for d in directions])
    assert (r / exact - 1).abs().max() > 0.3  # what the angle makes of it


def test_nothing_there_is_farthest_and_all_views_share_one_range():
    r = torch.full((64, 128), 5.0)
    r[:32], r[32:40, 64] = 0, 2.0
    r[:8] = torch.inf
    directions = spread_directions(18)
    maps = near_maps(inverse_planar_depth(r, directions, FOV, SIDE))
    assert maps.shape == (18, 3, SIDE, SIDE) and torch.isfinite(maps).all()
    assert maps.min() == 0 and maps.max() == 1
    (up,) = (n for n, d in enumerate(directions) if d.elevation == 90)
    (down,) = (n for n, d in enumerate(directions) if d.elevation == -90)
    assert (maps[up] == 0).all() and 0 < maps[down].min() < maps[down].max() < 1

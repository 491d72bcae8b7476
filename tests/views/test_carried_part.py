"""A known part that is carried on: both laws hold, and what is painted beside it meets it."""

from __future__ import annotations

import pytest
import torch

from synoptic.views.carried_part import CarriedPart
from synoptic.views.directions import spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.known_part import KnownPart
from synoptic.views.sphere import canvas_rays

SIDE, FOV = 32, 100.0


def parts(block: int) -> tuple[CarriedPart, KnownPart]:
    """The known part is all but a box over the back; it is known of what the views can show."""
    height = matching_height(FOV, SIDE)
    views = Equirectangular((1, height, 2 * height), spread_directions(6), FOV, SIDE)
    stays = torch.ones(1, 1, height, 2 * height)
    stays[..., height // 8 : height * 7 // 8, : height // 2] = stays[..., height // 8 : height * 7 // 8, -height // 2 :] = 0
    where = views.unproject(views.project(stays))[0, 0] > 0.5
    known = views.unproject(views.project(canvas_rays(height)[..., 1].float()[None, None]))[0]
    return CarriedPart(views, known, where, block), KnownPart(views, known, where)


@pytest.mark.parametrize("block", [1, 4])
def test_both_laws_hold_and_the_part_stays(block):
    carried, plain = parts(block)
    x = torch.randn(2 * 6, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    z = carried.unproject(x)
    assert torch.equal(z[..., carried.where], carried.known[:, carried.where].expand(2, -1, -1))
    assert (z - plain.unproject(x)).abs().max() > 0.1
    torch.testing.assert_close(carried.unproject(carried.project(z)), z, rtol=0, atol=1e-5)
    once = carried.project(z)
    torch.testing.assert_close(carried.project(carried.unproject(once)), once, rtol=0, atol=1e-5)
    assert carried.scaled(2).block == 2 * block and carried.scaled(2).canvas[1] == 2 * carried.canvas[1]


def test_views_that_are_all_too_light_meet_what_is_known():
    """The step between both sinks from where it is, around the back too, and is all there far inside."""
    carried, plain = parts(1)
    lighter = carried.inner.project(carried.known[None]) + 0.5
    H = carried.canvas[1]
    row = H // 2
    found, hard = (part.unproject(lighter)[0, 0, row] - carried.known[0, row] for part in (carried, plain))
    inside = ~carried.where[row]
    assert hard[inside].min() > 0.49 and found[inside].max() > 0.4
    edge = int(inside[:H].nonzero().max())  # the last column of the box before it ends in front
    assert found[edge] < 0.2 and hard[edge] > 0.49
    assert found[[0, -1]].min() > 0.3 and (found[0] - found[-1]).abs() < 0.05

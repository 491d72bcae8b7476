"""Where a sphere's views look: their axes, their layouts, what they see."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

from synoptic.views.directions import MAX_VIEWS, MIN_VIEWS, Direction, farthest, ring, spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.sphere_coverage import coverage
from tests.quick import slow_ones


@pytest.mark.parametrize("azimuth", [-135.0, 0.0, 30.0, 200.0])
@pytest.mark.parametrize("elevation", [-90.0, -40.0, 0.0, 89.9, 90.0])
def test_axes_are_a_right_handed_frame_also_at_the_poles(azimuth, elevation):
    axes = torch.tensor(Direction(azimuth, elevation).axes, dtype=torch.float64)
    right, up, forward = axes
    torch.testing.assert_close(axes @ axes.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.cross(right, forward), up, rtol=0, atol=1e-12)


def test_eighteen_are_a_ring_two_rings_and_the_poles():
    found = spread_directions(18)
    assert found[0] == (0, 0)
    assert Counter(d.elevation for d in found) == {0: 8, 40: 4, -40: 4, 90: 1, -90: 1}
    assert {d.azimuth for d in found if d.elevation == 40} == {45, 135, 225, 315}


@pytest.mark.parametrize(
    ("count", "fov"),
    slow_ones(
        [(12, 90.0), (12, 95.0), (14, 85.0), (18, 70.0), (18, 75.0), (26, 60.0), (50, 45.0)],
        [(14, 85.0), (18, 75.0), (26, 60.0), (50, 45.0)],
    ),
)
def test_views_that_are_said_to_see_all_do(count, fov):
    """Against a canvas's own pixels: a gap may be narrower than the probes that layouts are chosen by."""
    directions, height = spread_directions(count), matching_height(fov, 64)
    pixels = Equirectangular((1, height, 2 * height), directions, fov, 64, whole=False).seen
    assert bool(pixels.all()) >= (coverage(directions, fov).seen == 1)


def test_a_gap_narrower_than_the_probes_is_found():
    assert 0.999 < coverage(spread_directions(12), 90.0).seen < 1


@pytest.mark.parametrize("count", [6, 7, 11, 13, 18, 20, 33])
def test_as_many_views_as_asked_for_all_different(count):
    found = spread_directions(count)
    assert len(set(found)) == len(found) == count
    assert farthest(found) <= farthest(spread_directions(6))


@pytest.mark.parametrize("count", [MIN_VIEWS - 1, MAX_VIEWS + 1])
def test_a_number_of_views_out_of_range_is_refused(count):
    with pytest.raises(ValueError, match="6 to 60 views"):
        spread_directions(count)


def test_a_cube_sees_all_once_and_one_view_its_solid_angle():
    """A square view's solid angle is 4 asin(sin²(fov / 2)) of the sphere's 4 pi."""
    seen, twice = coverage(spread_directions(6), 90.0)
    assert seen == 1 and twice < 0.05
    for fov in (60.0, 90.0):
        seen, twice = coverage(tuple(ring(1)), fov)
        assert twice == 0
        assert seen == pytest.approx(math.asin(math.sin(math.radians(fov / 2)) ** 2) / math.pi, abs=0.01)
    assert coverage(spread_directions(18), 80.0).seen == 1
    assert coverage(spread_directions(18), 50.0).seen < 0.9

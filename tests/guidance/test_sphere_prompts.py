"""Which prompt each view of a sphere has: all around, up and down, and in parts."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.guidance.regional_prompts import PromptSpec
from synoptic.guidance.sphere_prompts import around_weights, share_in_view, sphere_prompts
from synoptic.options.regions import read_sphere_region
from synoptic.views.directions import Direction, ring, spread_directions


def test_prompts_travel_around_from_the_front_and_poles_have_all():
    found = around_weights([*ring(8), Direction(0.0, 90.0)], 4)
    expected = torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(found[:8:2], expected)
    torch.testing.assert_close(found[1:8:2], (expected + expected.roll(1, 1)) / 2)
    torch.testing.assert_close(found[8], torch.full((4,), 0.25, dtype=torch.float64))
    assert torch.equal(around_weights(ring(3), 1), torch.ones(3, 1, dtype=torch.float64))


@pytest.mark.parametrize(("box", "expected"), [("-180,0,180,90", 0.5), ("0,-90,180,90", 0.5), ("-180,-90,180,90", 1.0)])
def test_the_share_of_a_part_in_the_front_view(box, expected):
    part = read_sphere_region(f"{box}: a lake")
    assert share_in_view(part.holds, Direction(0.0, 0.0), 80.0) == pytest.approx(expected, abs=1e-6)
    sideways = share_in_view(read_sphere_region("-20,-90,20,90: a lake").holds, Direction(0.0, 0.0), 80.0)
    edge = math.tan(math.radians(20)) / math.tan(math.radians(40))  # of the view's half width; the weight is cos²
    assert sideways == pytest.approx(edge + math.sin(math.pi * edge) / math.pi, abs=0.02)


def test_every_view_has_its_prompts_and_a_part_takes_its_share():
    directions = spread_directions(18)
    around, up, down, part = (PromptSpec([word]) for word in ("around", "up", "down", "part"))
    shares = [0.25 if d.elevation == 0 else 0.0 for d in directions]
    specs, weights = sphere_prompts(directions, [around], [up], [down], [(part, shares)])
    assert [spec.prompts[0] for spec in specs] == ["around", "up", "down", "part"]
    torch.testing.assert_close(weights.sum(1), torch.ones(18, dtype=torch.float64))
    expected = {0.0: [0.75, 0.0, 0.0, 0.25], 40.0: [0.0, 1.0, 0.0, 0.0], -40.0: [0.0, 0.0, 1.0, 0.0]}
    for elevation, row in expected.items():
        assert next(w for d, w in zip(directions, weights.tolist(), strict=True) if d.elevation == elevation) == row

"""Silhouettes and relief, against what they are in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.mesh.shape_metrics import coverage, relief
from synoptic.nerf.background import SolidBackground
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.scene import RadianceScene
from tests.nerf.known import Known, ball


def test_a_ball_covers_its_disc():
    camera = turntable_cameras(2)
    for radius in (0.3, 0.6):
        seen = RadianceScene(Known(ball(radius, edge=0.01, height=1000)), SolidBackground(), samples=128).render_views(
            camera, 64
        )
        disc = math.pi / 4 * (math.tan(math.asin(radius / 3.3)) / math.tan(math.radians(17.5))) ** 2
        assert coverage(seen) == pytest.approx([disc, disc], rel=0.06)


def hit(share: float, radius: float = 0.5, far: float = 3.3) -> float:
    """Along the camera's axis: where it meets a ball through the rim of so much of the ball's disc."""
    angle = math.atan(math.sqrt(share) * math.tan(math.asin(radius / far)))
    return math.cos(angle) * (far * math.cos(angle) - math.sqrt(radius**2 - (far * math.sin(angle)) ** 2))


def test_a_ball_is_as_deep_as_a_ball_and_a_card_has_no_depth():
    camera = turntable_cameras(4, elevation=0.0)
    round_ = relief(
        RadianceScene(Known(ball(0.5, edge=0.01, height=1000)), SolidBackground(), samples=128).render_views(camera, 64),
        camera,
    )
    low, middle, high = (hit(share) for share in (0.05, 0.5, 0.95))
    width = 2 * middle * math.tan(math.asin(0.5 / 3.3))
    assert round_ == pytest.approx([(high - low) / width] * 4, rel=0.05)
    card = Known(lambda x: 1000.0 * ((x[:, 2].abs() < 0.04) & (x[:, :2].abs() < 0.5).all(1)))
    flat = relief(RadianceScene(card, SolidBackground(), samples=200).render_views(camera, 64), camera)
    assert flat[0] < 0.03 and flat[2] < 0.03  # but from its edge it is what it is


def test_nothing_has_no_depth_and_covers_nothing():
    seen = RadianceScene(Known(lambda x: torch.zeros(len(x))), SolidBackground()).render_views(turntable_cameras(3), 16)
    assert relief(seen, turntable_cameras(3)).tolist() == coverage(seen).tolist() == [0, 0, 0]

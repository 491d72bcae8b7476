"""A baked field shows what the field shows; a film goes once around."""

from __future__ import annotations

import pytest
import torch

from synoptic.mesh.baked_field import BakedField
from synoptic.mesh.turntable_frames import turntable_frames
from synoptic.nerf.background import SolidBackground
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.scene import RadianceScene
from tests.exact import normal
from tests.nerf.known import Known
from tests.nerf.mug import mug


def test_between_corners_a_baked_field_is_straight():
    plane = Known(lambda x: 3 + x @ x.new_tensor([1.0, 2.0, -0.5]), lambda x: (x + 1) / 2)
    baked = BakedField(RadianceScene(plane, SolidBackground()), side=24)
    x = 0.5 * torch.nn.functional.normalize(normal(200, 3).float(), dim=1)
    for found, wanted in zip(baked(x), plane(x), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert torch.equal(baked.density(x), baked(x)[0]) and torch.equal(baked.raw_density(x), baked(x)[0])
    assert baked.density(torch.tensor([[0.9, 0.9, 0.9]])) == 0  # outside of the unit ball


def test_a_film_shows_the_scene_from_its_sides():
    scene = mug()
    kinds, psnr = turntable_frames(scene, frames=7, side=48)
    assert list(kinds) == ["color", "normals", "depth"] and all(x.shape == (7, 3, 48, 48) for x in kinds.values())
    seen = scene.render_views(turntable_cameras(7), 48)
    for name, wanted in (
        ("color", seen.color + 1 - seen.opacity),
        ("normals", seen.normal / 2 + seen.opacity / 2 + 1 - seen.opacity),
    ):
        assert -10 * ((kinds[name] + 1) / 2 - wanted).square().mean().log10() > 25
    assert psnr > 28
    near = (kinds["depth"][:, 0] + 1) / 2
    both = (near > 0) & (seen.depth[:, 0] > 0)
    assert torch.corrcoef(torch.stack([near[both], seen.depth[:, 0][both]]))[0, 1] < -0.95
    assert near.max() == pytest.approx(1, abs=1e-3) and near[near > 0].min() == pytest.approx(0.15, abs=1e-3)

"""Cameras: where things appear, and where eyes may be."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.nerf.cameras import Camera, Orbit, camera_rays, orbit_cameras, project_points, turntable_cameras


def generators(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k) for k in range(n)]


def test_axes_are_upright_and_look_at_the_centre():
    camera = Orbit().sample(generators(200))
    assert torch.allclose(camera.axes @ camera.axes.mT, torch.eye(3).expand(200, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(camera.axes), torch.ones(200), atol=1e-5)
    assert torch.allclose(camera.axes[:, 2] * camera.eye.norm(dim=1, keepdim=True), camera.eye, atol=1e-5)
    assert camera.axes[:, 0, 1].abs().max() < 1e-6 and (camera.axes[:, 1, 1] > 0).all()  # right is level, up is up


def test_the_front_is_seen_with_x_to_the_right_and_y_up():
    front, right, *_ = zip(*turntable_cameras(4, elevation=0.0), strict=True)
    assert torch.allclose(front[0], torch.tensor([0.0, 0, 3.3]), atol=1e-6)
    assert torch.allclose(right[0], torch.tensor([3.3, 0.0, 0]), atol=1e-6)
    origin, direction = camera_rays(turntable_cameras(1, elevation=0.0, radius=3.0, fov=math.pi / 2), 2)
    # the four pixels' middles are half of the way to the edge, which 45 degrees away is as far aside as ahead
    assert torch.allclose(
        direction[0] / -direction[0, :, 2:],
        torch.tensor([[-0.5, 0.5, -1], [0.5, 0.5, -1], [-0.5, -0.5, -1], [0.5, -0.5, -1]]),
    )
    assert torch.equal(origin[0, 3], torch.tensor([0.0, 0, 3]))


def test_places_are_projected_to_where_their_rays_left():
    camera = Orbit(jitter=(0.1, 0.1, 0.02)).sample(generators(3))
    origin, direction = camera_rays(camera, 4)
    middle = (torch.arange(4) + 0.5) / 2 - 1
    for k in range(3):
        at = project_points(Camera(*(part[k : k + 1] for part in camera)), origin[k] + 2.7 * direction[k])
        assert torch.allclose(
            at[0].view(4, 4, 2), torch.stack(torch.meshgrid(middle, -middle, indexing="xy"), -1), atol=1e-5
        )


def test_draws_keep_to_their_ranges_and_each_picture_to_its_generator():
    wanted = Orbit(elevation=(-0.1, 1.2))
    camera = wanted.sample(generators(500))
    for name in ("fov", "azimuth", "elevation"):
        low, high = getattr(wanted, name)
        drawn = getattr(camera, name)
        assert drawn.min() >= low - 1e-6 and drawn.max() <= high + 1e-6 and drawn.max() - drawn.min() > 0.95 * (high - low)
    alone = wanted.sample(generators(500)[37:38])
    assert all(torch.equal(a[37:38], b) for a, b in zip(camera, alone, strict=True))


def test_elevation_is_half_even_in_angle_half_on_the_sphere():
    elevation = Orbit(elevation=(0.0, math.pi / 2)).sample(generators(4000)).elevation
    below = (elevation < math.pi / 4).float().mean()
    assert abs(below - (0.5 + math.sin(math.pi / 4)) / 2) < 0.025


def test_a_shaken_camera_is_still_a_camera():
    still, shaken = (Orbit(jitter=shake).sample(generators(50)) for shake in ((0.0, 0.0, 0.0), (0.1, 0.2, 0.02)))
    assert torch.equal(still.azimuth, shaken.azimuth)
    assert 0.01 < (still.eye - shaken.eye).norm(dim=1).mean() < math.sqrt(3) * 0.1
    assert torch.allclose(shaken.axes @ shaken.axes.mT, torch.eye(3).expand(50, 3, 3), atol=1e-5)


def test_impossible_orbits_are_refused():
    with pytest.raises(ValueError, match="swap them"):
        Orbit(fov=(1.0, 0.5))
    with pytest.raises(ValueError, match="outside of the unit ball"):
        Orbit(radius=(0.9, 3.0))


def test_an_orbit_takes_one_radius_or_many():
    angle = torch.tensor([0.0, 1.0])
    camera = orbit_cameras(angle, angle, torch.tensor([2.0, 4.0]), 0.5)
    assert torch.allclose(camera.eye.norm(dim=1), torch.tensor([2.0, 4.0])) and camera.fov.tolist() == [0.5, 0.5]

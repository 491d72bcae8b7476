"""Where a scene is looked at from: cameras on an orbit, and their rays.

Space: y up, an object looks along +z, x to the right as seen from its front. Azimuth 0 is in front, pi/2 on the right of who
sees the front. Angles are radians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.nerf.normals import normalize

Range = tuple[float, float]


class Camera(NamedTuple):
    """B cameras: `eye` (B, 3), `axes` (B, 3, 3) whose rows are right, up and back, the full field of view `fov` (B,).

    `azimuth` and `elevation` (B,) are of the eye as it was meant, before it was shaken: prompts go by them.
    """

    eye: Tensor
    axes: Tensor
    fov: Tensor
    azimuth: Tensor
    elevation: Tensor

    def to(self, like: Tensor) -> Camera:
        return Camera(*(part.to(like) for part in self))


def direction_from_angles(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Return unit vectors (B, 3) from the center to the eye, of azimuth (B,) and elevation (B,)."""
    flat = elevation.cos()
    return torch.stack([azimuth.sin() * flat, elevation.sin(), azimuth.cos() * flat], 1)


def orbit_cameras(
    azimuth: Tensor, elevation: Tensor, radius: Tensor | float, fov: Tensor | float, jitter: Tensor | None = None
) -> Camera:
    """Return cameras (B,) that look at the center from `radius`; `jitter` (B, 9) moves the eye,
    where it looks, and what is up.
    """
    jitter = azimuth.new_zeros(len(azimuth), 9) if jitter is None else jitter
    moved, target, tilt = jitter.split(3, 1)
    distance, fov = (torch.as_tensor(value, dtype=azimuth.dtype, device=azimuth.device) for value in (radius, fov))
    eye = direction_from_angles(azimuth, elevation) * distance.expand_as(azimuth)[:, None] + moved
    back = normalize(eye - target)
    right = normalize(torch.linalg.cross(eye.new_tensor([[0.0, 1.0, 0.0]]) + tilt, back))
    axes = torch.stack([right, torch.linalg.cross(back, right), back], 1)
    return Camera(eye, axes, fov.expand_as(azimuth), azimuth, elevation)


def turntable_cameras(
    n: int, elevation: float = math.radians(15), radius: float = 3.3, fov: float = math.radians(35)
) -> Camera:
    """Return n cameras evenly around, the first in front: a turntable."""
    azimuth = torch.arange(n, dtype=torch.float32) * (2 * math.pi / n)
    return orbit_cameras(azimuth, torch.full_like(azimuth, elevation), radius, fov)


def camera_rays(camera: Camera, side: int) -> tuple[Tensor, Tensor]:
    """Return rays through the middles of side x side pixels, from the top left: origins and directions (B, side², 3)."""
    middle = (torch.arange(side, device=camera.fov.device, dtype=camera.fov.dtype) + 0.5) * (2 / side) - 1
    v, u = torch.meshgrid(-middle, middle, indexing="ij")
    half = (camera.fov / 2).tan()[:, None]
    screen = torch.stack([u.flatten() * half, v.flatten() * half, (-torch.ones_like(u.flatten())).expand(len(half), -1)], 2)
    return camera.eye[:, None].expand_as(screen), normalize(screen @ camera.axes)


def project_points(camera: Camera, x: Tensor) -> Tensor:
    """Return where places (M, 3) are on the cameras' pictures: (B, M, 2), right and up, within ±1 where they are seen."""
    at = (x - camera.eye[:, None]) @ camera.axes.mT
    return at[..., :2] / -at[..., 2:] / (camera.fov / 2).tan()[:, None, None]


@dataclass(frozen=True)
class Orbit:
    """Cameras drawn at random, each from its own generator. Elevations: even in angle or on the sphere, by a coin."""

    radius: Range = (3.1, 3.5)
    fov: Range = (math.radians(32), math.radians(38))
    elevation: Range = (math.radians(-10), math.radians(45))
    azimuth: Range = (-math.pi, math.pi)
    jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of the eye and where it looks, at most; of what is up, usually

    def __post_init__(self) -> None:
        """Raise ValueError where a range ends before it begins, or an eye could come within the unit ball."""
        for name in ("radius", "fov", "elevation", "azimuth"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} goes from its least to its most, {low} to {high} was given: swap them")
        if self.radius[0] - math.sqrt(3) * self.jitter[0] <= 1:
            raise ValueError(f"cameras stay outside of the unit ball, radius {self.radius}, shake {self.jitter}: step back")

    def sample(self, rngs: Sequence[torch.Generator]) -> Camera:
        even = torch.stack([torch.rand(11, generator=rng, dtype=torch.float32) for rng in rngs])
        tilt = torch.stack([torch.randn(3, generator=rng, dtype=torch.float32) for rng in rngs])
        low, width, shake = self._ranges
        height, angle, azimuth, radius, fov = (low + width * even[:, [0, 0, 2, 3, 4]]).unbind(1)
        elevation = torch.where(even[:, 1] < 0.5, height.asin(), angle)
        return orbit_cameras(azimuth, elevation, radius, fov, torch.cat([2 * even[:, 5:] - 1, tilt], 1) * shake)

    @cached_property
    def _ranges(self) -> tuple[Tensor, Tensor, Tensor]:
        """The least and the width (5,) of the elevation's sine, elevation, azimuth, radius and fov, and the jitter (9,)."""
        height = math.sin(self.elevation[0]), math.sin(self.elevation[1])
        ends = torch.tensor([height, self.elevation, self.azimuth, self.radius, self.fov], dtype=torch.float64)
        shake = torch.tensor(self.jitter, dtype=torch.float32).repeat_interleave(3)
        return ends[:, 0].float(), (ends[:, 1] - ends[:, 0]).float(), shake

"""Light on a field: Lambert's law from a point, sometimes without colours (Poole et al. 2023, DreamFusion, equation 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.nerf.cameras import Camera
from synoptic.nerf.normals import unit


class Light(NamedTuple):
    """Of B pictures: where it is (B, 3), the share that comes from everywhere (B,), and how white all is painted (B,)."""

    position: Tensor
    ambient: Tensor
    white: Tensor

    def to(self, like: Tensor) -> Light:
        return Light(*(part.to(like) for part in self))


def daylight(n: int) -> Light:
    """Light from everywhere: colours as they are."""
    return Light(torch.zeros(n, 3), torch.ones(n), torch.zeros(n))


def lambert(albedo: Tensor, normal: Tensor, x: Tensor, light: Light) -> Tensor:
    """Colours (M, 3) of places x (M, 3) with normals (M, 3), each under a light of its own (M rows)."""
    diffuse = (unit(light.position - x) * normal).sum(1).clamp(min=0)
    bright = light.ambient + (1 - light.ambient) * diffuse
    return (albedo + light.white[:, None] * (1 - albedo)) * bright[:, None]


@dataclass(frozen=True)
class Lighting:
    """Which light a step is under: albedo alone until step `plain`, then shaded by chance, and of those some textureless."""

    plain: int = 2000
    shaded: float = 0.75
    textureless: float = 0.5
    ambient: float = 0.1
    distance: tuple[float, float] = (1.5, 3.0)

    def draw(self, rngs: Sequence[torch.Generator], step: int, camera: Camera) -> Light:
        """Lights around the camera's own direction; drawn alike at every step, whatever is made of it."""
        even = torch.stack([torch.rand(3, generator=rng) for rng in rngs])
        away = torch.stack([torch.randn(3, generator=rng) for rng in rngs])
        near, far = self.distance
        position = unit(2 * unit(camera.eye.cpu()) + away) * (near + (far - near) * even[:, :1])
        shaded = (even[:, 1] < self.shaded) & (step >= self.plain)
        white = shaded & (even[:, 2] < self.textureless)
        return Light(position, torch.where(shaded, self.ambient, 1.0), white.float())

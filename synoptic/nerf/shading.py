"""Light on a field: Lambert's law from a point, sometimes without colors (Poole et al. 2023, DreamFusion, equation 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.nerf.cameras import Camera
from synoptic.nerf.normals import normalize


class Light(NamedTuple):
    """Of B pictures: where it is (B, 3), the share that comes from everywhere (B,), and how white all is painted (B,)."""

    position: Tensor
    ambient: Tensor
    whiteness: Tensor

    def to(self, like: Tensor) -> Light:
        return Light(*(part.to(like) for part in self))


def ambient_light(n: int) -> Light:
    """Return n lights from everywhere: colors as they are."""
    none = torch.zeros(n, dtype=torch.float32)
    return Light(none[:, None].repeat(1, 3), none + 1, none)


def lambert(albedo: Tensor, normal: Tensor, x: Tensor, light: Light) -> Tensor:
    """Return colors (M, 3) of places x (M, 3) with normals (M, 3), each under a light of its own (M rows)."""
    diffuse = (normalize(light.position - x) * normal).sum(1).clamp(min=0)
    bright = light.ambient + (1 - light.ambient) * diffuse
    return (albedo + light.whiteness[:, None] * (1 - albedo)) * bright[:, None]


@dataclass(frozen=True)
class Lighting:
    """Which light a step is under: albedo alone for `albedo_steps` steps, then shaded by chance, some textureless."""

    albedo_steps: int = 2000
    shaded_probability: float = 0.75
    textureless_probability: float = 0.5
    ambient: float = 0.1
    distance: tuple[float, float] = (1.5, 3.0)

    def sample(self, rngs: Sequence[torch.Generator], step: int, camera: Camera) -> Light:
        """Draw lights around the camera's own direction; alike at every step, whatever is made of them."""
        even = torch.stack([torch.rand(3, generator=rng, dtype=torch.float32) for rng in rngs])
        away = torch.stack([torch.randn(3, generator=rng, dtype=torch.float32) for rng in rngs])
        near, far = self.distance
        position = normalize(2 * normalize(camera.eye.cpu()) + away) * (near + (far - near) * even[:, :1])
        shaded = (even[:, 1] < self.shaded_probability) & (step >= self.albedo_steps)
        white = shaded & (even[:, 2] < self.textureless_probability)
        return Light(position, torch.where(shaded, self.ambient, torch.ones_like(even[:, 1])), white.float())

"""The radiance field as a scene: cameras around it, light on it, and its renders (Poole et al. 2023, DreamFusion)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from synoptic.distillation.scene import Shot
from synoptic.nerf.background import Background
from synoptic.nerf.cameras import Camera, Orbit, rays
from synoptic.nerf.field import Field
from synoptic.nerf.normals import Normal, finite
from synoptic.nerf.occupancy import Occupancy
from synoptic.nerf.regularizers import Penalties
from synoptic.nerf.shading import Light, Lighting, daylight, lambert
from synoptic.nerf.volume_rendering import Emission, Rays, Traced, march

REFRESH = 16  # steps between two looks at what is empty
ORBIT, LIGHTING, FREE, ASKING = Orbit(), Lighting(), Penalties(), finite()
FACING = 2e-3  # of the light: places that stop less of it have no normal


class Look(NamedTuple):
    """What was drawn for a step of B pictures: cameras, lights, chances of the background (B, 4), offsets (B, side²).

    `lit`: whether a light shades any of them, known before they are on the GPU, which would be waited for.
    """

    step: int
    side: int
    camera: Camera
    light: Light
    drawn: Tensor
    offset: Tensor
    lit: bool = True


class Seen(NamedTuple):
    """B pictures without a background: colour (B, 3, H, W) times opacity (B, 1, H, W), in [0, 1], depth (B, 1, H, W), the
    mean distance from the eye, 0 where less than half of the light is stopped, and normals times opacity (B, 3, H, W)."""

    colour: Tensor
    opacity: Tensor
    depth: Tensor
    normal: Tensor


class Radiance(torch.nn.Module):
    """A field in the unit ball, before a background.

    side: pixels of a square render, by step; levels: of the encoding, by step; samples: along the ball's diameter.
    """

    def __init__(
        self,
        field: Field,
        background: Background,
        *,
        orbit: Orbit = ORBIT,
        lighting: Lighting = LIGHTING,
        penalties: Penalties = FREE,
        normal: Normal = ASKING,
        side: Callable[[int], int] = lambda step: 64,
        levels: Callable[[int], int] | None = None,
        samples: int = 64,
    ) -> None:
        super().__init__()
        self.field, self.background, self.occupancy = field, background, Occupancy()
        self.orbit, self.lighting, self.penalties, self.normal = orbit, lighting, penalties, normal
        self.side, self.levels, self.samples = side, levels, samples

    @property
    def like(self) -> Tensor:
        return self.occupancy.peak

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> Look:
        """What to look at, one picture a generator. Opens levels and looks for empty space when it is time."""
        if self.levels:
            self.field.unfold(self.levels(step))
        if step % REFRESH == 0:
            self.occupancy.look(self.field.density, torch.Generator().manual_seed(step))
        camera, side = self.orbit.draw(rngs), self.side(step)
        light = self.lighting.draw(rngs, step, camera)
        drawn = torch.stack([torch.rand(4, generator=rng) for rng in rngs])
        offset = torch.stack([torch.rand(side**2, generator=rng) for rng in rngs])
        lit, like = bool((light.ambient < 1).any()), self.like
        return Look(step, side, camera.to(like), light.to(like), drawn.to(like), offset.to(like), lit)

    def render(self, camera: Look) -> Shot:
        """Pictures (B, 3, side, side) in [-1, 1], and the penalties of this step."""
        look = camera
        asks = look.lit or self.penalties.orientation(look.step) > 0
        traced, direction = self._trace(look.camera, look.side, look.light, look.offset, asks)
        behind = self.background(direction, look.drawn)
        clear = (1 - traced.opacity).view(*direction.shape[:2], 1)
        colour = traced.seen[:, :3].view_as(direction) + clear * behind
        penalty = self.penalties(look.step, traced.opacity, traced.judged.sum(1))
        return Shot(2 * _picture(colour, look.side) - 1, penalty)

    @torch.no_grad()
    def show(self, camera: Camera, side: int, light: Light | None = None) -> Seen:
        """The field alone, as B cameras see it, with no chance in it; without a light, colours as they are."""
        n = len(camera.eye)
        camera, light = camera.to(self.like), (light or daylight(n)).to(self.like)
        traced, direction = self._trace(camera, side, light, self.like.new_full((n, side**2), 0.5), True)
        solid = traced.opacity.view(*direction.shape[:2], 1)
        seen = traced.seen.view(*direction.shape[:2], -1)
        parts = (seen[..., :3], solid, traced.depth.view_as(solid) * (solid > 0.5), seen[..., 3:])
        return Seen(*(_picture(part, side) for part in parts))

    def _trace(self, camera: Camera, side: int, light: Light, offset: Tensor, asks: bool) -> tuple[Traced, Tensor]:
        """`asks`: for normals too, which cost four times as much."""
        origin, direction = rays(camera, side)
        every = Rays(origin.flatten(0, 1), direction.flatten(0, 1), offset.flatten())

        def emit(x: Tensor, ray: Tensor, weight: Tensor) -> Emission:
            density, albedo = self.field(x)
            if not asks:
                return Emission(density, albedo, x[:, :0])
            at, seen, away = torch.nonzero(weight > FACING)[:, 0], torch.cat([albedo, 0 * albedo], 1), x.new_zeros(len(x), 1)
            normal = self.normal(self.field.level, x[at])
            lit = lambert(albedo[at], normal, x[at], Light(*(part[ray[at] // side**2] for part in light)))
            turned = (normal * every.direction[ray[at]]).sum(1, keepdim=True).clamp(min=0).square()
            seen = seen.index_copy(0, at, torch.cat([lit, normal], 1))
            return Emission(density, seen, away.index_copy(0, at, turned))

        how: dict[str, Any] = {"samples": self.samples, "occupied": self.occupancy}
        return march(self.field.density, emit, every, **how), direction


def _picture(rows: Tensor, side: int) -> Tensor:
    """(B, side², C) -> (B, C, side, side)."""
    return rows.transpose(1, 2).unflatten(2, (side, side))

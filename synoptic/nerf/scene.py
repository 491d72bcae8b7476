"""The radiance field as a scene: cameras around it, light on it, and its renders (Poole et al. 2023, DreamFusion)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.distillation.scene import Render
from synoptic.nerf.background import Background
from synoptic.nerf.cameras import Camera, Orbit, camera_rays
from synoptic.nerf.field import Field
from synoptic.nerf.graphed_render import GraphedRender
from synoptic.nerf.normals import NormalFunction, finite_difference_normals
from synoptic.nerf.occupancy import Occupancy
from synoptic.nerf.regularizers import Penalties
from synoptic.nerf.shading import Light, Lighting, ambient_light, lambert
from synoptic.nerf.volume_rendering import MIN_NORMAL_WEIGHT, Emission, RayOutput, Rays, march_rays, true_indices

OCCUPANCY_INTERVAL = 16  # steps between two looks at what is empty
ORBIT, LIGHTING, NO_PENALTIES, FINITE_DIFFERENCES = Orbit(), Lighting(), Penalties(), finite_difference_normals()


class ViewSample(NamedTuple):
    """What was drawn for B pictures: cameras, lights, chances of the background (B, 4), offsets (B, side²).

    `weights` (3,) are the penalties'. `needs_normals`: whether a light shades any picture, or a penalty looks at normals;
    known before they are on the GPU, which would be waited for.
    """

    side: int
    camera: Camera
    light: Light
    uniforms: Tensor
    offset: Tensor
    weights: Tensor
    needs_normals: bool = True

    def select(self, rows: Tensor) -> ViewSample:
        """Return some of the pictures, of a mask (B,)."""
        camera, light = (type(part)(*(of[rows] for of in part)) for part in (self.camera, self.light))
        return self._replace(camera=camera, light=light, uniforms=self.uniforms[rows], offset=self.offset[rows])

    def to(self, like: Tensor) -> ViewSample:
        """Return it in the memory of `like`, copied there at once."""
        parts = *self.camera, *self.light, self.uniforms, self.offset, self.weights
        moved = torch.cat([part.flatten() for part in parts]).to(like).split([part.numel() for part in parts])
        found = iter([part.view(shape.shape) for part, shape in zip(moved, parts, strict=True)])
        camera, light = Camera(*islice(found, len(self.camera))), Light(*islice(found, len(self.light)))
        uniforms, offset, weights = found
        return ViewSample(self.side, camera, light, uniforms, offset, weights, self.needs_normals)


class RenderedViews(NamedTuple):
    """B pictures without a background: color (B, 3, H, W) times opacity (B, 1, H, W), in [0, 1], depth (B, 1, H, W), the
    mean distance from the eye, 0 where less than half of the light is stopped, and normals times opacity (B, 3, H, W)."""

    color: Tensor
    opacity: Tensor
    depth: Tensor
    normal: Tensor


class SceneArguments(TypedDict, total=False):
    """What a `RadianceScene` takes beside its field, its background and its levels."""

    orbit: Orbit
    lighting: Lighting
    penalties: Penalties
    normal: NormalFunction
    side: Callable[[int], int]
    samples: int


class RadianceScene(torch.nn.Module):
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
        penalties: Penalties = NO_PENALTIES,
        normal: NormalFunction = FINITE_DIFFERENCES,
        side: Callable[[int], int] = lambda step: 64,
        levels: Callable[[int], int] | None = None,
        samples: int = 64,
    ) -> None:
        super().__init__()
        self.field, self.background, self.occupancy = field, background, Occupancy()
        self.orbit, self.lighting, self.penalties, self.normal = orbit, lighting, penalties, normal
        self.side, self.levels, self.samples = side, levels, samples
        self.graphed = GraphedRender()

    @property
    def like(self) -> Tensor:
        return self.occupancy.peak

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> ViewSample:
        """Return what to look at, one picture a generator. Opens levels and looks for empty space when it is time."""
        if self.levels:
            self.field.set_active_levels(self.levels(step))
        if step % OCCUPANCY_INTERVAL == 0:
            self.occupancy.update(self.field.density, torch.Generator(self.like.device).manual_seed(step))
        camera, side = self.orbit.sample(rngs), self.side(step)
        light = self.lighting.sample(rngs, step, camera)
        uniforms = torch.stack([torch.rand(4, generator=rng, dtype=torch.float32) for rng in rngs])
        offset = torch.stack([torch.rand(side**2, generator=rng, dtype=torch.float32) for rng in rngs])
        weights, is_lit = self.penalties.weights(step), bool((light.ambient < 1).any())
        needs_normals = is_lit or self.penalties.orientation(step) > 0
        return ViewSample(side, camera, light, uniforms, offset, weights, needs_normals).to(self.like)

    def render(self, camera: ViewSample) -> Render:
        """Return pictures (B, 3, side, side) in [-1, 1], and their penalties.

        On a GPU that learns, the calls are captured as CUDA graphs (`GraphedRender`).
        """
        sample = camera
        if self.graphed.takes(self, sample.offset):
            rows, penalty = self.graphed(self, sample)
        else:
            traced, direction = self._trace(sample.camera, sample.side, sample.light, sample.offset, sample.needs_normals)
            rows, penalty = self.finish(traced, direction, sample.uniforms, sample.weights)
        return Render(_picture(rows, sample.side), penalty)

    def finish(self, traced: RayOutput, direction: Tensor, uniforms: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the colors (B, N, 3) in [-1, 1] of rays before the background, and their penalty."""
        clear = (1 - traced.opacity).view(*direction.shape[:2], 1)
        rows = traced.color[:, :3].view_as(direction) + clear * self.background(direction, uniforms)
        return 2 * rows - 1, self.penalties(weights, traced.opacity, traced.aux.sum(1))

    @torch.no_grad()
    def render_views(self, camera: Camera, side: int, light: Light | None = None) -> RenderedViews:
        """Return the field alone, as B cameras see it, with no chance in it; without a light, colors as they are."""
        n = len(camera.eye)
        camera, light = camera.to(self.like), (light or ambient_light(n)).to(self.like)
        traced, direction = self._trace(camera, side, light, self.like.new_full((n, side**2), 0.5), True)
        solid = traced.opacity.view(*direction.shape[:2], 1)
        color = traced.color.view(*direction.shape[:2], -1)
        parts = (color[..., :3], solid, traced.depth.view_as(solid) * (solid > 0.5), color[..., 3:])
        return RenderedViews(*(_picture(part, side) for part in parts))

    def _trace(
        self, camera: Camera, side: int, light: Light, offset: Tensor, needs_normals: bool
    ) -> tuple[RayOutput, Tensor]:
        """Trace the rays of side² pixels; `needs_normals`: for normals too, which cost four times as much."""
        origin, direction = camera_rays(camera, side)
        rays = Rays(origin.flatten(0, 1), direction.flatten(0, 1), offset.flatten())
        emit = self.emission(rays.direction, light, needs_normals)
        return march_rays(self.field.density, emit, rays, samples=self.samples, occupied=self.occupancy), direction

    def emission(
        self, direction: Tensor, light: Light, needs_normals: bool, capacity: int | None = None
    ) -> Callable[[Tensor, Tensor, Tensor], Emission]:
        """Return what places send towards the eyes of rays (R, 3), in colors, then normals where they are needed.

        At most `capacity` places have a normal; None: as many as there are (`true_indices`).
        """
        rays_per_view = len(direction) // len(light.ambient)

        def emit(x: Tensor, ray: Tensor, weight: Tensor) -> Emission:
            density, albedo = self.field(x)
            if not needs_normals:
                return Emission(density, albedo, x[:, :0])
            index = true_indices(weight > MIN_NORMAL_WEIGHT, capacity)
            at = index.clamp(max=len(x) - 1)
            normal = self.normal(self.field.raw_density, x[at])
            own = Light(*(part[ray[at] // rays_per_view] for part in light))
            lit = lambert(albedo.index_select(0, at), normal, x[at], own)
            turned = (normal * direction[ray[at]]).sum(1, keepdim=True).clamp(min=0).square()
            color = F.pad(torch.cat([albedo, 0 * albedo], 1), (0, 0, 0, 1))
            color = color.index_copy(0, index, torch.cat([lit, normal], 1))
            away = x.new_zeros(len(x) + 1, 1).index_copy(0, index, turned)
            return Emission(density, color[:-1], away[:-1])

        return emit


def _picture(rows: Tensor, side: int) -> Tensor:
    """Reshape (B, side², C) to (B, C, side, side)."""
    return rows.transpose(1, 2).unflatten(2, (side, side))

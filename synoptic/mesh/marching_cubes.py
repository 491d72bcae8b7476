"""A radiance scene as a textured mesh, and how well they agree from cameras that neither was fitted to."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.mesh.backproject_color import backproject_color
from synoptic.mesh.surface import Threshold, best_threshold, extract_surface, sample_density
from synoptic.mesh.texture import TexturedMesh, bake_texture, render_mesh
from synoptic.nerf.cameras import Camera, orbit_cameras, turntable_cameras
from synoptic.nerf.scene import RadianceScene


class Agreement(NamedTuple):
    """Of a mesh and its field over B cameras: `psnr` (B,) in dB over white, `overlap` (B,) of the silhouettes, at most 1."""

    psnr: Tensor
    overlap: Tensor


class ExtractedMesh(NamedTuple):
    """The mesh, whether it was closed before it was unwrapped, where it was cut, and how it agrees with the field."""

    textured: TexturedMesh
    watertight: bool
    threshold: Threshold
    agreement: Agreement

    def __str__(self) -> str:
        mesh, cut, (psnr, overlap) = self.textured.mesh, self.threshold, self.agreement
        closed = "watertight" if self.watertight else "not watertight"
        return (
            f"{len(mesh.faces)} faces, {closed}, cut at density {cut.density:.3g} (silhouettes overlap {cut.overlap:.3f}); "
            f"against the field over {len(psnr)} held-out views: PSNR {psnr.mean():.1f} dB, least {psnr.min():.1f} dB, "
            f"silhouettes overlap {overlap.mean():.3f}"
        )


def extract_mesh(
    scene: RadianceScene, *, grid: int = 128, faces: int = 10_000, texture: int = 512, views: int = 20
) -> ExtractedMesh:
    """Cut at the density that matches renders from 12 sides, painted from 20, compared from `views` others.

    Raises ValueError where the field covers no pixel.
    """
    density = sample_density(lambda x: scene.field.density(x.to(scene.like)), grid)
    sides = _spread_cameras(12, 0.0)
    cut = best_threshold(density, sides, scene.render_views(sides, 64).opacity[:, 0].cpu() > 0.5)
    shape = extract_surface(density, cut.density, faces)
    around = _spread_cameras(20, 0.0)
    shown = scene.render_views(around, 64)
    textured = bake_texture(shape, backproject_color(scene, shape, around, (shown.color + 1 - shown.opacity).cpu()), texture)
    return ExtractedMesh(textured, shape.is_watertight, cut, agreement(textured, scene, _spread_cameras(views, 0.5)))


def agreement(textured: TexturedMesh, scene: RadianceScene, camera: Camera, side: int = 64, fine: int = 3) -> Agreement:
    """Return the mesh, fine² rays a pixel, against the field, both over white."""
    shown = scene.render_views(camera, side)
    rgba = torch.nn.functional.avg_pool2d(torch.cat(render_mesh(textured, camera, side * fine), 1), fine)
    field, solid = (shown.color + 1 - shown.opacity).cpu(), shown.opacity.cpu() > 0.5
    away = (rgba[:, :3] + 1 - rgba[:, 3:] - field).square().flatten(1).mean(1)
    covered = rgba[:, 3:] > 0.5
    both, either = ((covered & solid).flatten(1).sum(1), (covered | solid).flatten(1).sum(1))
    return Agreement(-10 * away.clamp(min=1e-10).log10(), both / either.clamp(min=1))


def _spread_cameras(n: int, turned: float) -> Camera:
    """Return n cameras around, high and low by turns, all turned by a share of the angle between two."""
    level = turntable_cameras(n)
    elevation = torch.tensor([0.1, 0.5, -0.1, 0.3], dtype=torch.float32).repeat(-(-n // 4))[:n]
    return orbit_cameras(level.azimuth + turned * 2 * torch.pi / n, elevation, 3.3, level.fov)

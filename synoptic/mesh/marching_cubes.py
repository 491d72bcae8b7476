"""A radiance scene as a textured mesh, and how far the two are apart from where neither was made."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.mesh import need_mesh
from synoptic.mesh.backproject_color import painted
from synoptic.mesh.surface import Threshold, sampled, surface, threshold
from synoptic.mesh.texture import Textured, seen, textured
from synoptic.nerf.cameras import Camera, around, orbit
from synoptic.nerf.scene import Radiance


class Agreement(NamedTuple):
    """Of a mesh and its field over B cameras: `psnr` (B,) in dB over white, `overlap` (B,) of the silhouettes, at most 1."""

    psnr: Tensor
    overlap: Tensor


class Extracted(NamedTuple):
    """The mesh, whether it was closed before it was unwrapped, where it was cut, and how it agrees with the field."""

    model: Textured
    watertight: bool
    threshold: Threshold
    agreement: Agreement

    def __str__(self) -> str:
        mesh, cut, (psnr, overlap) = self.model.mesh, self.threshold, self.agreement
        closed = "watertight" if self.watertight else "not watertight"
        return (
            f"{len(mesh.faces)} faces, {closed}, cut at density {cut.density:.3g} (silhouettes overlap {cut.overlap:.3f}); "
            f"against the field over {len(psnr)} held-out views: PSNR {psnr.mean():.1f} dB, least {psnr.min():.1f} dB, "
            f"silhouettes overlap {overlap.mean():.3f}"
        )


def extract(scene: Radiance, *, grid: int = 128, faces: int = 10_000, texture: int = 512, views: int = 20) -> Extracted:
    """Cut at the density that matches renders from 12 sides, painted from 20, compared from `views` others.

    Raises ValueError where the field covers no pixel, ImportError without the extra.
    """
    need_mesh()
    density = sampled(lambda x: scene.field.density(x.to(scene.like)), grid)
    sides = _spread(12, 0.0)
    cut = threshold(density, sides, scene.show(sides, 64).opacity[:, 0].cpu() > 0.5)
    shape = surface(density, cut.density, faces)
    eyes = _spread(20, 0.0)
    shown = scene.show(eyes, 64)
    model = textured(shape, painted(scene, shape, eyes, (shown.colour + 1 - shown.opacity).cpu()), texture)
    return Extracted(model, shape.is_watertight, cut, agreement(model, scene, _spread(views, 0.5)))


def agreement(model: Textured, scene: Radiance, camera: Camera, side: int = 64, fine: int = 3) -> Agreement:
    """The mesh, fine² rays a pixel, against the field, both over white."""
    shown = scene.show(camera, side)
    rgba = torch.nn.functional.avg_pool2d(torch.cat(seen(model, camera, side * fine), 1), fine)
    field, solid = (shown.colour + 1 - shown.opacity).cpu(), shown.opacity.cpu() > 0.5
    away = (rgba[:, :3] + 1 - rgba[:, 3:] - field).square().flatten(1).mean(1)
    covered = rgba[:, 3:] > 0.5
    both, either = ((covered & solid).flatten(1).sum(1), (covered | solid).flatten(1).sum(1))
    return Agreement(-10 * away.clamp(min=1e-10).log10(), both / either.clamp(min=1))


def _spread(n: int, turned: float) -> Camera:
    """n cameras around, high and low by turns, all turned by a share of the angle between two."""
    level = around(n)
    elevation = torch.tensor([0.1, 0.5, -0.1, 0.3]).repeat(-(-n // 4))[:n]
    return orbit(level.azimuth + turned * 2 * torch.pi / n, elevation, 3.3, level.fov)

"""A field turned once around: its colors, its normals, and how near it is, in pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.mesh.baked_field import BakedField
from synoptic.nerf.background import SolidBackground
from synoptic.nerf.cameras import Camera, turntable_cameras
from synoptic.nerf.scene import RadianceScene, RenderedViews

BATCH, PSNR_VIEWS = 6, 2


def turntable_frames(scene: RadianceScene, frames: int = 90, side: int = 128) -> tuple[dict[str, Tensor], float]:
    """Return pictures (frames, 3, side, side) in [-1, 1] of each kind, the first in front, and
    the PSNR in dB of their colors.

    Colors and normals are over white. They are drawn from the field baked on a grid; the PSNR is against
    the field itself, from `PSNR_VIEWS` sides. Depth is bright where near, from the nearest to the farthest place of all.
    """
    baked = RadianceScene(BakedField(scene), SolidBackground(), normal=scene.normal, samples=scene.samples).to(
        scene.like.device
    )
    baked.occupancy = scene.occupancy
    camera = turntable_cameras(frames)
    shown = [baked.render_views(Camera(*some), side) for some in zip(*(part.split(BATCH) for part in camera), strict=True)]
    views = RenderedViews(*(torch.cat(part).cpu() for part in zip(*shown, strict=True)))
    white, solid = 1 - views.opacity, views.depth > 0
    met = views.depth[solid] if solid.any() else views.depth.new_ones(1)
    near = 0.15 + 0.85 * (met.max() - views.depth) / (met.max() - met.min()).clamp(min=1e-6)
    kinds = {
        "color": views.color + white,
        "normals": views.normal / 2 + views.opacity / 2 + white,
        "depth": torch.where(solid, near, 0.0).expand(-1, 3, -1, -1),
    }
    away = [
        whole.color - whole.opacity for whole in (s.render_views(turntable_cameras(PSNR_VIEWS), 64) for s in (scene, baked))
    ]
    psnr = -10 * (away[0] - away[1]).square().mean().clamp(min=1e-10).log10()
    return {name: 2 * kind - 1 for name, kind in kinds.items()}, float(psnr)

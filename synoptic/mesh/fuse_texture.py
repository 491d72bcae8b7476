"""From pictures of a surface to its texture, and from a texture to pictures."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from synoptic.mesh.diffuse import diffused
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.rasterize import rasterize
from synoptic.mesh.smooth_normals import SmoothNormals
from synoptic.mesh.surface_maps import away_from_edges, firmness, screen_of, trust, visible_cosine
from synoptic.nerf.cameras import Camera

POWER = 6  # of the cosine that a picture counts by
SHADOW_SIDE = 512  # pixels of the maps that say what hides what
EROSION = 2  # pixels of a silhouette that show something of what is behind it


class Fused(NamedTuple):
    """Textures below one another (3, M*T, T), and the share of their texels on the surface that a picture shows."""

    texture: Tensor
    seen: float


def fuse(surface: PaintedSurface, camera: Camera, pictures: Tensor, side: int) -> Fused:
    """Fuse pictures (B, 3, s, s) to a texture of side² texels: each texel the mean of those that see it, by cos⁶.

    Read between pixels, away from silhouettes. Weights know no borders of charts, by normals that turn smoothly over folds,
    nor do texels that none sees, which go over into those around them on the surface. Outside of all faces are the colors
    of the nearest inside, so that no renderer's filter meets another.
    """
    texels = surface.texels(side)
    normals = SmoothNormals(surface).at(texels.place, surface.normals[texels.face])
    total, color = (torch.zeros(len(texels.number), n, dtype=torch.float32) for n in (1, 3))
    size = pictures.shape[-1]
    inside = away_from_edges(rasterize(surface.triangles, camera, size), camera)[:, None].float()
    inside = -F.max_pool2d(-inside, 2 * EROSION - 1, 1, EROSION - 1)
    firm = (firmness(inside[:, 0] > 0) * trust(camera)[:, None, None])[:, None]
    for k in range(len(pictures)):
        one = Camera(*(part[k : k + 1] for part in camera))
        cosine = visible_cosine(surface, one, texels.place, normals, SHADOW_SIDE)
        grid = (screen_of(one, texels.place)[0] * torch.tensor([1.0, -1.0], dtype=torch.float32))[None, None]
        read = F.grid_sample(pictures[k : k + 1].float(), grid, padding_mode="border", align_corners=False)[0, :, 0].T
        counts, shown = F.grid_sample(torch.cat([firm, inside], 1)[k : k + 1], grid, align_corners=False)[0, :, 0]
        weight = (cosine**POWER * counts * (shown > 0.99))[:, None]
        total, color = total + weight, color + weight * read
    seen = total[:, 0] > 0
    color[seen] /= total[seen]
    color = diffused(surface, texels.place, texels.face, color, seen)
    texture = torch.zeros(len(surface.materials) * side * side, 3, dtype=torch.float32)
    texture[texels.number] = color
    covered = torch.zeros(len(texture), dtype=torch.bool).index_fill(0, texels.number, True).view(-1, side, side)
    painted = texture.view(-1, side, side, 3)
    for k in range(len(painted)):
        painted[k] = _padded(painted[k], covered[k])
    return Fused(painted.reshape(-1, side, 3).permute(2, 0, 1), seen.double().mean().item())


def _padded(texture: Tensor, covered: Tensor) -> Tensor:
    """Return a texture (T, T, 3), every texel outside of all faces with the color of the nearest inside."""
    if covered.all() or not covered.any():
        return texture
    row, column = distance_transform_edt(~covered.numpy(), return_distances=False, return_indices=True)  # type: ignore[misc]
    return texture[torch.from_numpy(row).long(), torch.from_numpy(column).long()]


def render_texture(surface: PaintedSurface, texture: Tensor, camera: Camera, side: int, fine: int = 2) -> Tensor:
    """Return pictures (B, 3, side, side) in [-1, 1] of a surface with textures (3, M*T, T) in [-1, 1], over white; no light.

    fine² rays a pixel.
    """
    shown = []
    for k in range(len(camera.eye)):
        seen = rasterize(surface.triangles, Camera(*(part[k : k + 1] for part in camera)), side * fine)
        hit = seen.face >= 0
        color = torch.ones(*hit.shape, 3, dtype=torch.float32)
        color[hit] = surface.colors(texture, seen.face[hit], seen.share[hit])
        shown.append(F.avg_pool2d(color.permute(0, 3, 1, 2), fine))
    return torch.cat(shown)


def multi_view_psnr(surface: PaintedSurface, texture: Tensor, camera: Camera, pictures: Tensor) -> float:
    """Return the PSNR in dB of pictures and the texture as each shows it, off silhouettes, by the cosine of the view."""
    side = pictures.shape[-1]
    seen = rasterize(surface.triangles, camera, side)
    inside = away_from_edges(seen, camera)
    toward = F.normalize(camera.eye[:, None, None] - surface.place(seen.face.clamp(min=0), seen.share), dim=-1)
    weight = (toward * surface.normals[seen.face.clamp(min=0)]).sum(-1).abs() * inside
    away = (render_texture(surface, texture, camera, side) - pictures.float()).square().mean(1)
    error = (away * weight).sum() / weight.sum().clamp(min=1e-9)
    return (10 * torch.log10(4 / error.clamp(min=1e-10))).item()

"""Which face each pixel of a view shows: by Embree's rays where it is, by a z-buffer of torch elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import torch
import trimesh
from torch import Tensor

from synoptic.nerf.cameras import Camera, camera_rays

CHUNK = 2**22  # pairs of a face and a pixel at once
EMPTY = 2**63 - 1


class Fragments(NamedTuple):
    """Of B views: the `face` of each pixel (B, s, s), -1 for none, its corners' shares (B, s, s, 3), its planar depth."""

    face: Tensor
    share: Tensor
    depth: Tensor


def rasterize(triangles: Tensor, camera: Camera, side: int) -> Fragments:
    """Return what B cameras, from outside, see of triangles (F, 3, 3), both sides of each,
    through the middles of side² pixels.
    """
    shapes = triangles.float()
    face = _cast(shapes, camera, side) if find_spec("embreex") else z_buffer(shapes, camera, side)
    return _with_shares(shapes, camera, face)


def _cast(triangles: Tensor, camera: Camera, side: int) -> Tensor:
    from synoptic.mesh.raycast import raycast

    mesh = trimesh.Trimesh(triangles.reshape(-1, 3).numpy(), torch.arange(3 * len(triangles)).view(-1, 3), process=False)
    origin, direction = camera_rays(camera, side)
    return raycast(mesh, origin.flatten(0, 1), direction.flatten(0, 1)).face.view(len(origin), side, side)


def z_buffer(triangles: Tensor, camera: Camera, side: int) -> Tensor:
    """Return the nearest face of every pixel (B, side, side), -1 for none; of two as near the lower one."""
    return torch.stack([_z_buffer(_on_screen(triangles, camera, k), side) for k in range(len(camera.eye))])


def _on_screen(triangles: Tensor, camera: Camera, k: int) -> Tensor:
    """Return corners (F, 3, 3) as right and up, ±1 at the picture's edge, and planar depth, in float64."""
    at = (triangles.double() - camera.eye[k].double()) @ camera.axes[k].double().T
    depth = -at[..., 2:]
    return torch.cat([at[..., :2] / depth / (camera.fov[k].double() / 2).tan(), depth], -1)


def _z_buffer(corners: Tensor, side: int) -> Tensor:
    pixel = torch.stack([(corners[..., 0] + 1) * side / 2, (1 - corners[..., 1]) * side / 2], -1)
    low = (pixel.amin(1) - 0.5).ceil().long().clamp(0, side)
    high = (pixel.amax(1) - 0.5).floor().long().clamp(-1, side - 1) + 1
    width, height = (high - low).clamp(min=0).unbind(1)
    (kept,) = ((width * height > 0) & (corners[..., 2].amin(1) > 0)).nonzero(as_tuple=True)
    nearest = torch.full((side * side,), EMPTY)
    ends = (width[kept] * height[kept]).cumsum(0)
    for some in kept.split(max(1, CHUNK // max(1, int((width * height).max())))) if len(ends) else ():
        count = width[some] * height[some]
        face = some.repeat_interleave(count)
        within = torch.arange(len(face)) - (count.cumsum(0) - count).repeat_interleave(count)
        column = low[face, 0] + within % width[face]
        row = low[face, 1] + within // width[face]
        share, area = _edges(pixel[face], torch.stack([column, row], -1).float() + 0.5)
        inside = ((share >= 0).all(1) | (share <= 0).all(1)) & (area != 0)
        face, share, area = face[inside], share[inside], area[inside]
        depth = area / (share / corners[face, :, 2]).sum(1)
        key = (depth.float().view(torch.int32).long() << 32) | face
        nearest.scatter_reduce_(0, (row * side + column)[inside], key, "amin")
    return torch.where(nearest == EMPTY, -1, nearest & 0xFFFFFFFF).view(side, side)


def _edges(corners: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Return twice the signed areas (M, 3) that places span with the sides of triangles (M, 3, 2), and their sum."""
    away = corners - at[:, None]
    following, last = away.roll(-1, 1), away.roll(-2, 1)
    share = following[..., 0] * last[..., 1] - following[..., 1] * last[..., 0]
    return share, share.sum(1)


def _with_shares(triangles: Tensor, camera: Camera, face: Tensor) -> Fragments:
    """Return the shares of the corners, correct in perspective, and planar depths, of the faces that pixels show."""
    B, side, _ = face.shape
    share = torch.zeros(B, side, side, 3, dtype=torch.float32)
    depth = torch.zeros(B, side, side, dtype=torch.float32)
    for k in range(B):
        row, column = (face[k] >= 0).nonzero(as_tuple=True)
        corners = _on_screen(triangles[face[k][row, column]], camera, k)
        x, y = ((part.float() + 0.5) * 2 / side - 1 for part in (column, row))
        at = torch.stack([x, -y], -1).double()
        parts, _ = _edges(corners[..., :2], at)
        parts = parts / corners[..., 2]
        parts = (parts / parts.sum(1, keepdim=True)).nan_to_num(1 / 3).clamp(0, 1)
        parts = parts / parts.sum(1, keepdim=True)
        share[k, row, column] = parts.float()
        depth[k, row, column] = (parts * corners[..., 2]).sum(1).float()
    return Fragments(face, share, depth)

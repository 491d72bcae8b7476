"""Colors for a mesh: unwrapped to a plane by xatlas, each texel the field's color at its place, its edges padded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
import xatlas
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from trimesh import Trimesh

from synoptic.mesh.raycast import Hits, raycast
from synoptic.nerf.cameras import Camera, camera_rays


class TexturedMesh(NamedTuple):
    """Triangles whose corners have places uv (V, 2) on a picture (3, T, T) in [0, 1]; v goes up, as in OBJ."""

    mesh: Trimesh
    uv: Tensor
    texture: Tensor

    def color_at(self, hits: Hits) -> Tensor:
        """Return colors (R, 3) where rays met it, between texels; black where they met nothing."""
        face = torch.from_numpy(np.array(self.mesh.faces, np.int64))[hits.face]
        uv = (self.uv[face] * hits.barycentric[..., None]).sum(1)
        grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1)
        found = F.grid_sample(self.texture[None], grid[None, None], align_corners=False, padding_mode="border")
        return found[0, :, 0].T * (hits.face >= 0)[:, None]


def bake_texture(
    mesh: Trimesh, color: Callable[[Tensor, Tensor], Tensor], side: int = 1024, padding: int = 4
) -> TexturedMesh:
    """Bake a texture of side² texels by `color`, which maps places (M, 3) and unit normals (M, 3) to (M, 3) in [0, 1].

    Charts are about `padding` texels apart, and every texel outside of them takes the color of its nearest one inside.
    """
    atlas = xatlas.Atlas()
    atlas.add_mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.uint32))
    pack = xatlas.PackOptions()
    pack.resolution, pack.padding, pack.bilinear = side, padding, True
    atlas.generate(pack_options=pack)
    names, faces, uv = atlas[0]
    uv = uv * np.array([atlas.width, atlas.height]) / max(atlas.width, atlas.height)
    whole = trimesh.Trimesh(mesh.vertices[names], faces, vertex_normals=mesh.vertex_normals[names], process=False)
    hits = _texels(uv, faces, side)
    inside = hits.face >= 0
    of = torch.from_numpy(faces.astype(np.int64))[hits.face[inside]]
    places, normals = (
        (torch.from_numpy(np.array(part, np.float32))[of] * hits.barycentric[inside][..., None]).sum(1)
        for part in (whole.vertices, whole.vertex_normals)
    )
    picture = torch.zeros(side * side, 3, dtype=torch.float32)
    picture[inside] = color(places, F.normalize(normals, dim=1)).cpu()
    away = distance_transform_edt(~inside.view(side, side).numpy(), return_distances=False, return_indices=True)
    row, column = torch.from_numpy(away).long()
    return TexturedMesh(
        whole, torch.from_numpy(np.array(uv, np.float32)), picture.view(side, side, 3)[row, column].permute(2, 0, 1)
    )


def _texels(uv: np.ndarray, faces: np.ndarray, side: int) -> Hits:
    """Return which triangle of the plane each texel's middle lies in: rays straight down on the unwrapped mesh."""
    flat = trimesh.Trimesh(np.concatenate([uv, np.zeros_like(uv[:, :1])], 1), faces, process=False)
    middle = (torch.arange(side, dtype=torch.float32) + 0.5) / side
    v, u = torch.meshgrid(1 - middle, middle, indexing="ij")
    origin = torch.stack([u.flatten(), v.flatten(), torch.ones_like(u).flatten()], 1)
    return raycast(flat, origin, origin.new_tensor([[0.0, 0.0, -1.0]]).expand_as(origin))


def render_mesh(textured: TexturedMesh, camera: Camera, side: int) -> tuple[Tensor, Tensor]:
    """Return what cameras (B) see of it: color times mask (B, 3, side, side) in [0, 1], mask (B, 1, side, side)."""
    origin, direction = camera_rays(camera, side)
    hits = raycast(textured.mesh, origin.flatten(0, 1), direction.flatten(0, 1))
    rgba = (
        torch.cat([textured.color_at(hits), (hits.face >= 0).float()[:, None]], 1)
        .view(len(origin), side, side, 4)
        .permute(0, 3, 1, 2)
    )
    return rgba[:, :3], rgba[:, 3:]

"""A texture's charts: which faces lie beside each other in it, and which meet on the surface alone."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from synoptic.mesh.painted_surface import PaintedSurface

SAME = 1e-5  # of a texture's side


class Charts:
    """The edges where two faces of a surface meet: their `faces` (K, 2), `ends` (K, 2, 3), whether a texture is `cut` there
    (K,), and the `angle` between the faces, in degrees (K,), 0 where the surface is flat; and the number of the `chart` of
    each face (F,), all that hang together by edges that are not cut.
    """

    def __init__(self, surface: PaintedSurface) -> None:
        self.surface = surface
        count = len(surface.triangles)
        face, corner = self._sides()
        same = (face[1:, 1] == face[:-1, 1]).nonzero()[:, 0]
        faces = torch.stack([face[same, 0], face[same + 1, 0]], 1)
        corners = torch.stack([corner[same], corner[same + 1]], 1)
        self.faces, self.ends = faces, surface.triangles[faces[:, :1], corners[:, 0]]
        uv = surface.uv[faces[..., None], corners]
        self.cut = (uv[:, 0] - uv[:, 1]).abs().amax((1, 2)) > SAME
        self.cut |= surface.texture[faces[:, 0]] != surface.texture[faces[:, 1]]
        one, other = faces[~self.cut].T.numpy()
        self.angle = self._angle()
        graph = coo_array((np.ones(len(one)), (one, other)), (count, count))
        self.chart = torch.from_numpy(connected_components(graph, directed=False)[1]).long()

    def _angle(self) -> Tensor:
        """Return how much the faces turn at each edge, (K,): by what is square to it in each, not by normals."""
        middle = self.surface.triangles.mean(1)[self.faces]
        line = F.normalize(self.ends[:, 1] - self.ends[:, 0], dim=1)[:, None]
        away = middle - self.ends[:, :1]
        first, second = F.normalize(away - (away * line).sum(-1, keepdim=True) * line, dim=-1).unbind(1)
        return torch.rad2deg((-(first * second).sum(-1)).clamp(-1, 1).acos())

    def _sides(self) -> tuple[Tensor, Tensor]:
        """Return all faces' sides, in order of the edge: face and edge (3F, 2), the corners at its ends (3F, 2)."""
        place = self.surface.corners
        corner = torch.tensor([[0, 1], [1, 2], [2, 0]]).repeat(len(place), 1)
        face = torch.arange(len(place)).repeat_interleave(3)
        named = place[face[:, None], corner]
        corner = torch.where((named[:, 0] > named[:, 1])[:, None], corner.flip(1), corner)
        edge = torch.unique(named.sort(1).values, dim=0, return_inverse=True)[1]
        order = edge.argsort(stable=True)
        return torch.stack([face, edge], 1)[order], corner[order]

    def shown(self, side: int) -> Tensor:
        """Return the chart of each texel (M*T*T,) of textures side x side below one another, outside of all the nearest."""
        texels = self.surface.texels(side)
        chart = torch.full((len(self.surface.materials) * side * side,), -1)
        chart[texels.number] = self.chart[texels.face]
        parts = []
        for part in chart.view(-1, side, side):
            row, column = distance_transform_edt(part.numpy() < 0, return_distances=False, return_indices=True)  # type: ignore[misc]
            parts.append(part[torch.from_numpy(row).long(), torch.from_numpy(column).long()].flatten())
        return torch.cat(parts)

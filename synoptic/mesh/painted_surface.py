"""A mesh file as one surface to be painted: in the unit ball, upright, with texture coordinates everywhere."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from synoptic.mesh import read_mesh
from synoptic.mesh.mesh_file import MeshFile, Unwrapped
from synoptic.mesh.unwrap import SLOW, own_primitives, texels, unwrap, why_not

AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "-x": (-1, 0, 0), "-y": (0, -1, 0), "-z": (0, 0, -1)}
SAME = 1e-5  # of the unit ball: corners as near to each other as this are one
FILTER = 2**0.5  # texels from a face's to those that are read with them, between texels


class Texels(NamedTuple):
    """The texels that lie in a face, of textures side x side below one another, and where on the surface they are."""

    number: Tensor
    face: Tensor
    place: Tensor


class PaintedSurface:
    """Triangles (F, 3, 3) in the unit ball, y up and z in front; uv (F, 3, 2), v up; which texture each face reads."""

    def __init__(self, file: MeshFile, up: str = "y", front: str = "z") -> None:
        self.file, self.notes = file, list(file.notes)
        self.materials = sorted({piece.material for piece in file.pieces})
        self.unwrapped: dict[int, Unwrapped] = {}
        for number in self.materials:
            pieces = [piece for piece in file.pieces if piece.material == number]
            if reason := why_not(pieces):
                count = sum(len(piece.faces) for piece in own_primitives(pieces))
                slow = f" ({count} faces: this takes minutes)" if count > SLOW else ""
                self.notes.append(f"texture coordinates are made anew, {reason}{slow}")
                self.unwrapped |= unwrap(pieces)
        places, uv, texture, owned, seen = [], [], [], [], set()
        for piece in file.pieces:
            corners = self.unwrapped.get(piece.primitive)
            faces = piece.faces if corners is None else corners.vertex[corners.faces]
            assert corners is not None or piece.uv is not None
            places.append(piece.vertices[faces])
            uv.append(corners.uv[corners.faces] if corners is not None else piece.uv[faces])  # type: ignore[index]
            texture.append(np.full(len(faces), self.materials.index(piece.material)))
            owned.append(np.full(len(faces), piece.primitive not in seen))
            seen.add(piece.primitive)
        turn = torch.from_numpy(np.array([np.cross(AXES[up], AXES[front]), AXES[up], AXES[front]], np.float64))
        turned = torch.from_numpy(np.concatenate(places)) @ turn.T
        middle = (turned.amin((0, 1)) + turned.amax((0, 1))) / 2
        self.triangles = ((turned - middle) / (turned - middle).norm(dim=-1).max()).float()
        self.uv = torch.from_numpy(np.concatenate(uv)).double().clamp(0, 1)
        self.texture = torch.from_numpy(np.concatenate(texture))
        self.owned = torch.from_numpy(np.concatenate(owned))
        self.normals = F.normalize(self._cross, dim=-1)

    @classmethod
    def read(cls, file: Path, up: str = "y", front: str = "z") -> PaintedSurface:
        return cls(read_mesh(file), up, front)

    @cached_property
    def _cross(self) -> Tensor:
        a, b, c = self.triangles.unbind(1)
        return torch.linalg.cross(b - a, c - a)

    @cached_property
    def corners(self) -> Tensor:
        """(F, 3), numbers of the places of corners: equal where faces meet, whatever their vertices in the file."""
        places = (self.triangles.reshape(-1, 3) / SAME).round().long()
        return torch.unique(places, dim=0, return_inverse=True)[1].view(-1, 3)

    @property
    def areas(self) -> Tensor:
        """(F,)."""
        return self._cross.norm(dim=-1) / 2

    def sampled(self, count: int) -> tuple[Tensor, Tensor]:
        """Return faces (count,) and places (count, 3) spread evenly over the surface, always the same."""
        rng = torch.Generator().manual_seed(0)
        face = torch.multinomial(self.areas, count, True, generator=rng)
        corner = torch.rand(count, 2, generator=rng, dtype=torch.float32)
        root = corner[:, :1].sqrt()
        return face, self.place(face, torch.cat([1 - root, root * (1 - corner[:, 1:]), root * corner[:, 1:]], 1))

    def place(self, face: Tensor, share: Tensor) -> Tensor:
        """Return places (…, 3) on faces (…) by the shares of their corners (…, 3)."""
        return (self.triangles[face] * share[..., None]).sum(-2)

    def texel_of(self, face: Tensor, share: Tensor, side: int) -> Tensor:
        """Return the texel of textures side x side below one another that places on faces read."""
        u, v = (self.uv[face] * share[..., None].double()).sum(-2).unbind(-1)
        column = (u * side).floor().long().clamp(0, side - 1)
        row = ((1 - v) * side).floor().long().clamp(0, side - 1)
        return (self.texture[face] * side + row) * side + column

    def colors(self, texture: Tensor, face: Tensor, share: Tensor) -> Tensor:
        """Return what textures (3, M*T, T) show on faces (M,) at the shares of their corners, between texels, (M, 3)."""
        side, texels = texture.shape[-1], texture.flatten(1).T
        u, v = (self.uv[face] * share[..., None].double()).sum(-2).unbind(-1)
        column, row = (u * side - 0.5).clamp(0, side - 1), ((1 - v) * side - 0.5).clamp(0, side - 1)
        left, top = column.floor().long().clamp(max=side - 2), row.floor().long().clamp(max=side - 2)
        right, down = (column - left)[:, None].float(), (row - top)[:, None].float()
        first = (self.texture[face] * side + top) * side + left
        above = torch.lerp(texels[first], texels[first + 1], right)
        return torch.lerp(above, torch.lerp(texels[first + side], texels[first + side + 1], right), down)

    def texels(self, side: int) -> Texels:
        """Return the texels of textures side x side whose middle lies in a face, and those beside them that filters read.

        These are as near to the surface as can be: on the border of the nearest face.
        """
        parts = []
        for k in range(len(self.materials)):
            (faces,) = ((self.texture == k) & self.owned).nonzero(as_tuple=True)
            pairs = texels(self.uv[faces].numpy(), side)
            at, first = np.unique(pairs[:, 0], return_index=True)
            face = torch.full((side * side,), -1)
            face[torch.from_numpy(at)] = faces[torch.from_numpy(pairs[first, 1])]
            face = _grown(face.view(side, side)).flatten()
            (number,) = (face >= 0).nonzero(as_tuple=True)
            parts.append((number + k * side * side, face[number]))
        index, face = (torch.cat(part) for part in zip(*parts, strict=True))
        row, column = (index % (side * side) // side).float(), (index % side).float()
        at = torch.stack([(column + 0.5) / side, 1 - (row + 0.5) / side], -1).double()
        return Texels(index, face, self.place(face, _nearest_shares(self.uv[face], at).float()))


def _grown(face: Tensor) -> Tensor:
    """Return numbers (T, T), those at -1 and within `FILTER` of another replaced by the nearest other."""
    if (face < 0).all():
        return face
    away, (row, column) = distance_transform_edt(face.numpy() < 0, return_indices=True)  # type: ignore[misc]
    nearest = face[torch.from_numpy(row).long(), torch.from_numpy(column).long()]
    return torch.where(torch.from_numpy(away) <= FILTER, nearest, -1)


def _nearest_shares(corners: Tensor, at: Tensor) -> Tensor:
    """Return the corners' shares (M, 3) of the places of triangles (M, 3, 2) that are nearest to places (M, 2)."""
    matrix = torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)
    second, third = torch.linalg.solve(matrix, (at - corners[:, 0])[..., None])[..., 0].unbind(-1)
    inside = torch.stack([1 - second - third, second, third], -1)
    along = corners.roll(-1, 1) - corners
    far = ((at[:, None] - corners) * along).sum(-1) / along.square().sum(-1).clamp(min=1e-30)
    far = far.clamp(0, 1)
    nearest = (corners + far[..., None] * along - at[:, None]).square().sum(-1).argmin(1, keepdim=True)
    far = far.gather(1, nearest)
    border = torch.zeros_like(inside).scatter(1, nearest, 1 - far).scatter(1, (nearest + 1) % 3, far)
    return torch.where((inside >= 0).all(1, keepdim=True), inside, border)

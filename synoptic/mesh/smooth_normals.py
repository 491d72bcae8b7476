"""Normals that turn smoothly from face to face, over folds too: what is weighted by them does not jump where faces meet."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.spatial import KDTree
from torch import Tensor

from synoptic.mesh.painted_surface import PaintedSurface

SAMPLES, NEIGHBORS, BETWEEN = 8000, 16, 6  # places on the surface, those averaged, and those read between
BACK = -0.5  # the cosine of two faces from which on places near each other are two sides of a thin thing


class SmoothNormals:
    """The mean normal of what is near each place of a surface, by samples spread evenly over it."""

    def __init__(self, surface: PaintedSurface) -> None:
        face, place = surface.sampled(SAMPLES)
        self.normals = surface.normals[face]
        self.tree = KDTree(place.numpy())
        self.smooth = self._mean(self.normals, place, self.normals, NEIGHBORS)

    def at(self, place: Tensor, normal: Tensor) -> Tensor:
        """Return unit vectors (M, 3) at places (M, 3) on faces with these normals (M, 3)."""
        return self._mean(self.smooth, place, normal, BETWEEN)

    def _mean(self, vectors: Tensor, place: Tensor, normal: Tensor, count: int) -> Tensor:
        """Return the mean directions (M, 3) of the nearest samples, weighted; `normal` where all face the other way."""
        away, which = (torch.from_numpy(part) for part in self.tree.query(place.numpy(), count))
        weight = 1 - (away.float() / away[:, -1:].float().clamp(min=1e-9)) ** 2
        weight = weight * ((self.normals[which] * normal[:, None]).sum(-1) > BACK)
        mean = F.normalize((vectors[which] * weight[..., None]).sum(1), dim=1)
        return torch.where(weight.sum(1, keepdim=True) > 0, mean, normal)

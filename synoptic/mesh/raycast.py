"""Rays against triangles, by Embree: which face each ray meets first, and where on it. (The extra `mesh`.)"""

from __future__ import annotations

from typing import NamedTuple

import embreex.rtcore_scene as embree
import numpy as np
import torch
from embreex.mesh_construction import TriangleMesh
from torch import Tensor
from trimesh import Trimesh


class Hits(NamedTuple):
    """Of R rays: the `face` met first (R,), -1 for none, the shares of its corners (R, 3), and how far it is (R,)."""

    face: Tensor
    barycentric: Tensor
    distance: Tensor


def raycast(mesh: Trimesh, origin: Tensor, direction: Tensor) -> Hits:
    """Return rays (R, 3), (R, 3) against a mesh. What lies behind an origin is not met."""
    scene = embree.EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(mesh.triangles, np.float32))
    found = scene.run(*(np.ascontiguousarray(part.cpu(), np.float32) for part in (origin, direction)), output=1)
    face = torch.from_numpy(found["primID"].astype(np.int64))
    u, v, distance = (torch.from_numpy(found[name].astype(np.float32)) for name in ("u", "v", "tfar"))
    return Hits(face, torch.stack([1 - u - v, u, v], 1), distance)

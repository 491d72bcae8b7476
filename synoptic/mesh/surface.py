"""From a field to triangles: marching cubes at the density whose silhouettes match the renders, cleaned and simplified."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import fast_simplification
import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from scipy import ndimage
from skimage.measure import marching_cubes
from torch import Tensor
from trimesh import Trimesh

from synoptic.nerf.cameras import Camera, camera_rays
from synoptic.nerf.volume_rendering import Rays, ray_sphere

MIN_PIECE_AREA = 0.02  # of the largest piece's surface: smaller pieces are no part of the object
SMOOTHING_CELLS = 1.0  # cells: a field leaves rough what nobody looked at closely
SOLID_POWER = 4  # how sharply space is solid or empty, alike on both sides of the level
SMOOTHING_ROUNDS = 20, 50  # of a surface that tears as it is: the second where it still does
AGGRESSIVENESS = 3, 5, 7  # of 10, how eagerly faces are merged: one tears where another does not


class Threshold(NamedTuple):
    """A density, and how well its silhouettes match the renders: intersection over union, in [0, 1]."""

    density: float
    overlap: float


@torch.no_grad()
def sample_density(density: Callable[[Tensor], Tensor], side: int = 128, chunk: int = 2**16) -> Tensor:
    """Sample densities (side, side, side) at the corners of a grid over [-1, 1]³ in x, y, z; 0 outside the unit ball."""
    axis = torch.linspace(-1, 1, side, dtype=torch.float32)
    places = torch.cartesian_prod(axis, axis, axis)
    inside = (places.square().sum(1) < 1).nonzero()[:, 0]
    found = torch.cat([density(places[some]).cpu() for some in inside.split(chunk)])
    return found.new_zeros(len(places)).index_copy(0, inside, found).view(side, side, side)


def best_threshold(grid: Tensor, camera: Camera, mask: Tensor) -> Threshold:
    """Return the density at which the grid's surface covers the pixels that the renders cover,
    mask (B, H, W) bool of B cameras.

    A ray meets the surface exactly where the most that it passes is above the threshold, so no surface is made to choose,
    and every density that makes a difference is tried.
    Raises ValueError where the mask is empty.
    """
    if not mask.any():
        raise ValueError("a surface needs a render that covers something, all masks are empty: take more steps")
    origin, direction = (part.flatten(0, 1) for part in camera_rays(camera, mask.shape[-1]))
    near, far = ray_sphere(Rays(origin, direction, origin[:, 0]))
    t = torch.linspace(0, 1, 2 * len(grid), dtype=torch.float32)
    most = []
    for o, d, a, b in zip(*(part.split(2**13) for part in (origin, direction, near, far)), strict=True):
        x = o[:, None] + (a[:, None] + (b - a)[:, None] * t)[..., None] * d[:, None]
        found = F.grid_sample(grid[None, None], x.flip(-1)[None, None], align_corners=True)
        most.append(found[0, 0, 0].amax(1))
    passed, order = torch.cat(most).sort(descending=True)
    both = mask.flatten()[order].cumsum(0)
    either = torch.arange(1, len(both) + 1) + both[-1] - both
    overlap = torch.where(passed[:-1] > passed[1:], (both / either)[:-1], -1.0)
    k = int(overlap.argmax())
    return Threshold(float(passed[k] + passed[k + 1]) / 2, float(overlap[k]))


def extract_surface(grid: Tensor, level: float, faces: int = 10_000) -> Trimesh:
    """Return where the grid (S, S, S) over [-1, 1]³ crosses `level`, outward: no crumbs, nothing that is shut in, few faces.

    About `faces` of them; more, where fewer would tear it open. Raises ValueError where nothing is as dense as that.
    Whether it is closed, `mesh.is_watertight` says.
    """
    if not 0 < level < float(grid.max()):
        raise ValueError(
            f"a surface needs a level within the densities, up to {float(grid.max()):.3g}, {level:.3g} was given"
        )
    step = 2 / (len(grid) - 1)
    corners, triangles, *_ = marching_cubes(_solid(grid.numpy(), level), 0.5, gradient_direction="ascent")
    whole = trimesh.Trimesh((corners - 1) * step - 1, triangles)
    pieces = whole.split(only_watertight=False)
    largest = max(piece.area for piece in pieces)
    kept = trimesh.util.concatenate([piece for piece in pieces if piece.area >= MIN_PIECE_AREA * largest])
    assert isinstance(kept, Trimesh)
    return _simplified(kept, faces)


def _solid(grid: np.ndarray, level: float) -> np.ndarray:
    """Return how solid space is, in [0, 1], 1/2 at the level, padded by nothing: without caves, and smooth."""
    dense = (np.pad(grid, 1) / level).clip(max=1e4) ** SOLID_POWER
    closed = np.asarray(ndimage.binary_fill_holes(dense > 1))
    return ndimage.gaussian_filter(np.where(closed & (dense <= 1), 1, dense / (1 + dense)), SMOOTHING_CELLS)


def _simplified(mesh: Trimesh, faces: int) -> Trimesh:
    """Simplify to so many faces, or twice or four times as many, the fewest that leave it closed; smoothed where none do.

    Smoothing (Taubin 1995) keeps the volume.
    """
    targets = [target for target in (faces, 2 * faces, 4 * faces) if target < len(mesh.faces)]
    for rounds in (0, *SMOOTHING_ROUNDS):
        whole = trimesh.smoothing.filter_taubin(mesh.copy(), iterations=rounds) if rounds and targets else mesh
        for target, eager in product(targets, AGGRESSIVENESS):
            made = fast_simplification.simplify(whole.vertices, whole.faces, target_count=target, agg=eager)
            less = trimesh.Trimesh(*made[:2])
            if less.is_watertight:
                return less
    return mesh

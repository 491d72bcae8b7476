"""A disc that turns inside its picture."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from synoptic.utils.arguments import typed
from synoptic.views.base import View
from synoptic.views.device_copies import DeviceCopies
from synoptic.views.permutation import Permutation, index_grid, square_side

RADIUS = 24 / 64  # of the side


def inner_circle() -> Permutation:
    """Return the disc turned by 180°, what surrounds it left alone. Valid because it only moves
    pixels, exactly at every side.
    """
    return Permutation("inner_circle", lambda side: _rotated_indices(side, 2))


def inner_rotate(angle: float = 90) -> View:
    """Return the disc turned clockwise by `angle` degrees (Kim et al. 2024, SyncTweedies).

    Exact at multiples of 90, else the lossy InnerRotation.
    """
    name = f"inner_rotate:{angle:g}"
    if angle % 90 == 0:
        return Permutation(name, lambda side: _rotated_indices(side, int(-angle // 90) % 4))
    return InnerRotation(name, angle)


@typed
class InnerRotation:
    """The disc turned clockwise by any angle in degrees, each pixel the nearest one of the picture.

    Lossy: some pixels are shown twice and others never, so that noise is nearly white and does not quite come back. It
    suits sync "x0" with a start noise per view (Kim et al. 2024, SyncTweedies).
    """

    def __init__(self, name: str, angle: float) -> None:
        self.name, self.angle = name, angle

    def view(self, z: Tensor) -> Tensor:
        """Turn the disc of z (B, C, S, S)."""
        return self._turn(z, self.angle)

    def inverse_view(self, x: Tensor) -> Tensor:
        """Turn the disc of x (B, C, S, S) back, to the nearest pixels."""
        return self._turn(x, -self.angle)

    def _turn(self, x: Tensor, angle: float) -> Tensor:
        return x.flatten(2)[:, :, _nearest_indices(square_side(x), angle).on(x.device)].view_as(x)


def disk(side: int) -> Tensor:
    """Return x² + y² < r² at the pixels' middles, measured from the center: (side, side) bool."""
    at = torch.arange(side, dtype=torch.float64) + 0.5 - side / 2
    return at**2 + at[:, None] ** 2 < (RADIUS * side) ** 2


def _rotated_indices(side: int, quarters: int) -> Tensor:
    return torch.where(disk(side), index_grid(side).rot90(quarters), index_grid(side))


@lru_cache(16)
def _nearest_indices(side: int, angle: float) -> DeviceCopies:
    """Return the pixel nearest to where each was before the picture was turned clockwise: (side*side,)."""
    at = torch.arange(side, dtype=torch.float64) + 0.5 - side / 2
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y = at * cos + at[:, None] * sin, at[:, None] * cos - at * sin  # y grows downward
    col, row = ((u + side / 2).floor().long().clamp(0, side - 1) for u in (x, y))
    return DeviceCopies(torch.where(disk(side), row * side + col, index_grid(side)).flatten())

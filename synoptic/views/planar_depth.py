"""Depth along each view's axis, of distances from a camera that are known all around it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective, view_rays

FRONT = Direction(0.0, 0.0)


def inverse_planar_depth(radial: Tensor, directions: Sequence[Direction], fov: float, side: int) -> Tensor:
    """Return (N, 1, s, s) of distances (H, 2H): one over the depth z = r cos of each pixel; 0 where r is 0 or infinite.

    The angle is that between its ray and the view's axis. One over r is what is read between the canvas's pixels: for rays
    d and a plane n·p = D it is n·d / D, which is linear in the ray.
    """
    near = torch.where(radial > 0, 1 / radial, 0)[None, None]
    views = torch.cat([perspective(near, direction, fov, (side, side)) for direction in directions])
    cosine = -view_rays(FRONT, fov, (side, side))[..., 2]
    return views / cosine.to(views)


def near_maps(inverse: Tensor) -> Tensor:
    """Return (N, 1, s, s) as ControlNets have depth, (N, 3, s, s): 0 where it is farthest, 1 where nearest, of all views.

    By one range for all, so that a place is as light in every view that sees it, but for the angle it is seen at.
    """
    low, high = inverse.min(), inverse.max()
    return ((inverse - low) / (high - low)).expand(-1, 3, -1, -1)

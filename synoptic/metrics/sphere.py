"""Panoramas as a sphere: do its ends meet, are its poles pinched, do its views agree?"""

from __future__ import annotations

import math

import torch
from PIL import Image
from torch import Tensor

from synoptic.io import from_pil
from synoptic.views.base import Projection
from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective

INNER, OUTER = (0.0, 10.0), (20.0, 30.0)  # degrees from a pole
FLAT = 1e-3  # a slope a pixel, in [-1, 1], below which nothing can be seen: a pole of one color is not pinched


def pole_pinch(panorama: Image.Image) -> float:
    """Return how much more a picture runs in spokes at its worse pole than around it: 1 for no pinch.

    A view of a pole that was painted as one has no center; one that was stretched out of a picture's upper row runs along
    radii, so that its slopes go around. |df| along circles over that along radii, at 0 to 10 degrees, over the same at 20
    to 30.
    """
    x = from_pil(panorama).mean(1, keepdim=True).double()
    return max(slope_ratio(x, pole, INNER) / slope_ratio(x, pole, OUTER) for pole in (90.0, -90.0))


def slope_ratio(x: Tensor, elevation: float, degrees: tuple[float, float]) -> float:
    """Return |df| along circles around a pole over that along radii, between two angles from it; x (1, 1, H, 2H)."""
    side, fov = x.shape[-2] // 2, 2 * OUTER[1]
    seen = perspective(x, Direction(0.0, elevation), fov, (side, side))[0, 0]
    at = (torch.arange(side, dtype=x.dtype) + 0.5) * 2 / side - 1
    radius = torch.hypot(at, at[:, None])
    down, right = torch.gradient(seen)
    outward = (at * right + at[:, None] * down).abs() / radius
    around = (at * down - at[:, None] * right).abs() / radius
    angle = torch.rad2deg(torch.atan(radius * math.tan(math.radians(fov) / 2)))
    ring = (angle >= degrees[0]) & (angle < degrees[1])
    return ((around[ring].mean() + FLAT) / (outward[ring].mean() + FLAT)).item()


def view_agreement(views: Projection, x: Tensor) -> float:
    """Return the PSNR in dB of views (N, 3, h, w) in [-1, 1] and what their canvas shows of each; inf where they agree."""
    error = (x - views.project(views.unproject(x))).square().mean().item()
    return 10 * math.log10(4 / error) if error else math.inf

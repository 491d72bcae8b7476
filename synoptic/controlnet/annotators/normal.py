"""Surface normals, from a depth map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RELIEF = 0.75  # of a picture's shorter side: how deep the whole range of a depth map is, so that a ball is round
SMOOTHING = 1 / 128  # of the shorter side, the Gaussian's deviation: the steps of 8-bit maps are no slopes


def normal_map(depth: Tensor) -> Tensor:
    """Return the normals of depth (N, 3, H, W) in [0, 1], 1 the nearest: (N, 3, H, W), each of [-1, 1] laid on [0, 1].

    Red is how much the surface faces left, green up, blue us, as ControlNet's annotator draws it (Zhang et al. 2023). That
    one takes slopes from a depth model's raw values, which reach into the thousands; a map laid on [0, 1] no longer says how
    deep it is, so that RELIEF does.
    """
    near = depth.mean(1, keepdim=True)
    side = min(near.shape[-2:])
    slope = RELIEF * side * gaussian_slope(near, SMOOTHING * side)
    return (F.normalize(torch.cat([slope, torch.ones_like(near)], 1), dim=1) + 1) / 2


def gaussian_slope(x: Tensor, sigma: float) -> Tensor:
    """Return how much x (N, 1, H, W) rises a pixel, to the right and downwards (N, 2, H, W), smoothed by a Gaussian.

    sigma: its deviation in pixels, at least 0.5. Beyond the border x goes on as it ends.
    """
    sigma = max(sigma, 0.5)
    radius = int(3 * sigma + 1)
    at = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    bell = torch.exp(-0.5 * (at / sigma).square())
    rise = at * bell / (at.square() * bell).sum()  # 1 for a slope of 1
    bell = bell / bell.sum()
    wide = F.pad(x, (radius,) * 4, mode="replicate")
    right = F.conv2d(F.conv2d(wide, bell.view(1, 1, -1, 1)), rise.view(1, 1, 1, -1))
    down = F.conv2d(F.conv2d(wide, bell.view(1, 1, 1, -1)), rise.view(1, 1, -1, 1))
    return torch.cat([right, down], 1)

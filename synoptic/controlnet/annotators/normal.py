"""Surface normals, from a depth map."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

FACING_WEIGHT = (
    2 * math.pi
)  # how much the surface's slope counts less than its facing us, as ControlNet's own annotator has it
BACKGROUND_THRESHOLD = 0.4  # what is farther has no slope: the same annotator's background threshold


def normal_map(depth: Tensor) -> Tensor:
    """Return the normals of depth (N, 3, H, W) in [0, 1], 1 the nearest: (N, 3, H, W), each of [-1, 1] laid on [0, 1].

    Red is how much nearer it gets to the right, green downwards, blue how much the surface faces us.
    """
    near = depth.mean(1, keepdim=True)
    across = near.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    slope = F.conv2d(F.pad(near, (1,) * 4, mode="replicate"), torch.stack([across, across.T])[:, None])
    slope = slope * (near >= BACKGROUND_THRESHOLD)
    return (F.normalize(torch.cat([slope, torch.full_like(near, FACING_WEIGHT)], 1), dim=1) + 1) / 2

"""Is it a solid thing, from where it is looked at? Two measures that need no CLIP."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.nerf.cameras import Camera
from synoptic.nerf.scene import RenderedViews


def coverage(views: RenderedViews) -> Tensor:
    """Return the share of each picture that its silhouette covers, (B,) in [0, 1]: 0 is
    nothing; a unit ball at most about 0.78.
    """
    return (views.opacity > 0.5).float().mean((1, 2, 3))


def relief(views: RenderedViews, camera: Camera) -> Tensor:
    """Return how deep the visible side is, as a share of how wide, (B,): the 5th to the 95th percentile of the depth within
    the silhouette, along the camera's axis, over the silhouette's width at its mean depth. 0 for a billboard that faces the
    eye, and where nothing is seen.
    """
    side = views.depth.shape[-1]
    screen = (torch.arange(side).to(views.depth) + 0.5) * 2 / side - 1
    half = (camera.fov / 2).tan().to(views.depth)
    found = []
    for depth, h in zip(views.depth[:, 0], half, strict=True):
        solid = depth > 0
        if not solid.any():
            found.append(depth.new_zeros(()))
            continue
        straight = depth * (1 + h**2 * (screen**2 + screen[:, None] ** 2)).rsqrt()
        low, middle, high = straight[solid].quantile(depth.new_tensor([0.05, 0.5, 0.95]))
        columns = solid.any(0).nonzero()[:, 0]
        width = (columns[-1] - columns[0] + 1) * 2 / side * h * middle
        found.append((high - low) / width)
    return torch.stack(found)

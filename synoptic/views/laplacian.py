"""Pictures blended by their Laplacian pyramids (Burt & Adelson 1983): details of one do not dim those of another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

LEVELS, EXPONENT = 6, 0.5  # of LookingGlass (Chang et al. 2025)


def laplacian_pyramid(x: Tensor, levels: int = LEVELS) -> list[Tensor]:
    """Return the bands of x (B, C, H, W), finest first, each half as wide as the one before; the last is a small x.

    At most `levels` of them, fewer where a side would be below 2. `collapse` gives back x.
    """
    bands = []
    while len(bands) < levels - 1 and min(x.shape[-2:]) >= 4:
        small = interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True, recompute_scale_factor=True)
        bands.append(x - enlarge(small, x))
        x = small
    return [*bands, x]


def collapse(bands: Sequence[Tensor]) -> Tensor:
    """Return the picture of a Laplacian pyramid's bands."""
    *rest, x = bands
    for band in reversed(rest):
        x = band + enlarge(x, band)
    return x


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Return x at the size of `like`."""
    return interpolate(x, like.shape[-2:], mode="bilinear")


def blend_pyramids(
    pictures: Sequence[Tensor], weights: Sequence[float], levels: int = LEVELS, exponent: float = EXPONENT
) -> Tensor:
    """Return one picture of several (B, C, H, W): in every band the mean, weighted by weight |value|^exponent.

    So what is strong in one picture stays, where a plain mean halves it (exponent 0). The coarsest band, whose values are
    colors, has the plain mean. Equal pictures give that picture.
    """
    *fine, coarse = (torch.stack(level) for level in zip(*(laplacian_pyramid(x, levels) for x in pictures), strict=True))
    w = coarse.new_tensor(weights).view(-1, 1, 1, 1, 1) / sum(weights)
    shares = [w * (band.abs() + 1e-6) ** exponent for band in fine]
    blended = [(share * band).sum(0) / share.sum(0) for share, band in zip(shares, fine, strict=True)]
    return collapse([*blended, (w * coarse).sum(0)])

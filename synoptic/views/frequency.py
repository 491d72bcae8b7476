"""Frequencies: what is seen from afar and what from near (Oliva et al. 2006; Geng et al. 2024b, Factorized Diffusion).

Widths are in pixels of a picture of side 64 and scale with it, so that a factorization is the same at every side.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

NATIVE = 64  # the side that widths are given for
SIGMA = 2.0  # of the blur that parts far from near
KERNEL = 33  # pixels that a blur reaches over; the bands of three have a kernel of their own
TRIPLE_KERNEL = 25


def low(x: Tensor, sigma: float = SIGMA) -> Tensor:
    """(B, C, S, S) -> the part that remains from afar."""
    return gaussian(x, sigma, KERNEL)


def high(x: Tensor, sigma: float = SIGMA) -> Tensor:
    """(B, C, S, S) -> the details: all but `low`."""
    return x - low(x, sigma)


def coarse(x: Tensor) -> Tensor:
    """(B, C, S, S) -> the lowest of three bands: sigma 2."""
    return gaussian(x, 2, TRIPLE_KERNEL)


def middle(x: Tensor) -> Tensor:
    """(B, C, S, S) -> the middle of three bands: between sigma 1 and sigma 2."""
    return gaussian(x, 1, TRIPLE_KERNEL) - coarse(x)


def fine(x: Tensor) -> Tensor:
    """(B, C, S, S) -> the highest of three bands: all but the other two."""
    return x - gaussian(x, 1, TRIPLE_KERNEL)


def gaussian(x: Tensor, sigma: float, kernel: int = KERNEL) -> Tensor:
    """(B, C, S, S) blurred; sigma and kernel (cut to an odd size) are of side 64. The picture is mirrored at its edges."""
    scale = x.shape[-1] / NATIVE
    return blur(x, sigma * scale, odd(kernel * scale))


def blur(x: Tensor, sigma: float, kernel: int) -> Tensor:
    """(B, C, H, W) by a Gaussian of `sigma` pixels, cut to `kernel` of them, odd. The picture is mirrored at its edges."""
    at = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    g = torch.exp(-(at**2) / (2 * sigma**2))
    g = (g / g.sum()).to(x)
    rows = pad(x.flatten(0, 1)[:, None], [kernel // 2] * 4, mode="reflect")
    return conv2d(conv2d(rows, g.view(1, 1, 1, -1)), g.view(1, 1, -1, 1)).view_as(x)


def odd(size: float) -> int:
    """A kernel's size in whole pixels, odd so that it has a middle: an even one grows by 1."""
    return int(size) | 1

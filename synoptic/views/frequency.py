"""Frequencies: what is seen from afar and what from near (Oliva et al. 2006; Geng et al. 2024b, Factorized Diffusion).

Widths are in pixels of a picture of side 64 and scale with it, so that a factorization is the same at every side.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

REFERENCE_SIDE = 64  # the side that widths are given for
SIGMA = 2.0  # of the blur that parts far from near
KERNEL = 33  # pixels that a blur reaches over; the bands of three have a kernel of their own
TRIPLE_KERNEL = 25


def low_pass(x: Tensor, sigma: float = SIGMA) -> Tensor:
    """Return the part of x (B, C, S, S) that remains from afar."""
    return scaled_gaussian_blur(x, sigma, KERNEL)


def high_pass(x: Tensor, sigma: float = SIGMA) -> Tensor:
    """Return the details of x (B, C, S, S): all but `low_pass`."""
    return x - low_pass(x, sigma)


def low_band(x: Tensor) -> Tensor:
    """Return the lowest of three bands of x (B, C, S, S): sigma 2."""
    return scaled_gaussian_blur(x, 2, TRIPLE_KERNEL)


def middle_band(x: Tensor) -> Tensor:
    """Return the middle of three bands of x (B, C, S, S): between sigma 1 and sigma 2."""
    return scaled_gaussian_blur(x, 1, TRIPLE_KERNEL) - low_band(x)


def high_band(x: Tensor) -> Tensor:
    """Return the highest of three bands of x (B, C, S, S): all but the other two."""
    return x - scaled_gaussian_blur(x, 1, TRIPLE_KERNEL)


def cascaded_low_band(x: Tensor) -> Tensor:
    """Return the lowest band of x (B, C, S, S) in Geng et al. 2024b's code: sigma 2 of what sigma 1 leaves, √5."""
    return low_band(scaled_gaussian_blur(x, 1, TRIPLE_KERNEL))


def cascaded_middle_band(x: Tensor) -> Tensor:
    """Return the middle band of x (B, C, S, S) there: what the second blur takes from the first."""
    return scaled_gaussian_blur(x, 1, TRIPLE_KERNEL) - cascaded_low_band(x)


def scaled_gaussian_blur(x: Tensor, sigma: float, kernel: int = KERNEL) -> Tensor:
    """Blur x (B, C, S, S); sigma and kernel (cut to an odd size) are of side 64. The picture is mirrored at its edges."""
    scale = x.shape[-1] / REFERENCE_SIDE
    return gaussian_blur(x, sigma * scale, odd_size(kernel * scale))


def gaussian_blur(x: Tensor, sigma: float, kernel: int) -> Tensor:
    """Blur x (B, C, H, W) by a Gaussian of `sigma` pixels, cut to `kernel`, odd. The picture is mirrored at its edges."""
    at = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    g = torch.exp(-(at**2) / (2 * sigma**2))
    g = (g / g.sum()).to(x)
    rows = pad(x.flatten(0, 1)[:, None], [kernel // 2] * 4, mode="reflect")
    return conv2d(conv2d(rows, g.view(1, 1, 1, -1)), g.view(1, 1, -1, 1)).view_as(x)


def odd_size(size: float) -> int:
    """Return a kernel's size in whole pixels, odd so that it has a middle: an even one grows by 1."""
    return int(size) | 1

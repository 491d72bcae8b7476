"""Pastes without a seam: what two pictures differ by where they meet is carried on as a membrane (Pérez et al. 2003)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

REACH = 4.0  # pixels or latents over which a difference sinks to a third
OPPOSITE = 1, 0, 3, 2  # of `neighbors`


def downsample_mask(mask: Tensor, factor: int) -> Tensor:
    """Reduce a mask of the picture (B, 1, H, W) `factor` times, to a model's x: painted where any of its pixels is."""
    return max_pool2d(mask, factor)


def composite(painted: Tensor, known: Tensor, mask: Tensor, reach: float = REACH) -> Tensor:
    """Return pictures (B, 3, H, W) in [-1, 1] and their mask (B or 1, 1, H, W): where the mask is 0, `known` to the bit.

    Inside, the picture has the slopes of what was painted; across the border, the mean of the slopes on both sides of it,
    so that a jump there sinks over `reach` pixels (`solve_membrane`). `reach` 0 pastes as it is.
    """
    if reach:
        painted = painted + solve_membrane(boundary_step(painted, known, mask == 0), mask == 0, reach)
    return mask * painted.clamp(-1, 1) + (1 - mask) * known


def extend_inward(u: Tensor, keep: Tensor, reach: float = REACH) -> Tensor:
    """Return u (B, C, H, W) where `keep` (B or 1, 1, H, W), and from there on the membrane that hangs from it."""
    beside = zip(neighbors(keep.to(u)), neighbors(u), strict=True)
    return torch.where(keep, u, solve_membrane(torch.stack([k * v for k, v in beside]).sum(0), keep, reach))


def boundary_step(painted: Tensor, known: Tensor, keep: Tensor) -> Tensor:
    """Return what each pixel lacks of where its kept neighbors, and the slopes on both sides,
    would have it; summed over them.
    """
    kept, knowns, paints = neighbors(keep.to(painted)), neighbors(known), neighbors(painted)
    total = torch.zeros_like(painted)
    for k, (there, ahead) in enumerate(zip(kept, knowns, strict=True)):
        slope = (neighbors(there)[k] * (ahead - neighbors(ahead)[k]) + paints[OPPOSITE[k]] - painted) / 2
        total += there * (ahead + slope - painted)
    return total


def solve_membrane(edge: Tensor, keep: Tensor, reach: float) -> Tensor:
    """Solve (4 + reach^-2) c = `edge` + the sum of c's neighbors for c (B, C, H, W), 0 where `keep`, by Jacobi's method.

    That is reach² laplacian c = c, which sinks to 0 over `reach` pixels; where `edge` is the sum of a pixel's kept
    neighbors, c hangs from them.
    """
    c = torch.zeros_like(edge)
    for _ in range(math.ceil(16 * reach**2)):
        c = torch.where(keep, 0, (edge + torch.stack(neighbors(c)).sum(0)) / (4 + reach**-2))
    return c


def neighbors(u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return every pixel's neighbors: below, above, right, left. At the edges the pixel itself."""
    wide = pad(u, [1] * 4, mode="replicate")
    return wide[..., 2:, 1:-1], wide[..., :-2, 1:-1], wide[..., 1:-1, 2:], wide[..., 1:-1, :-2]

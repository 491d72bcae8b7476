"""Pastes into panoramas without a seam, around the back and over the poles, in pieces."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.io.blending import REACH, composite

TILE, HALO = 512, 32  # pixels of a piece, and what is looked at around it: eight times what a difference sinks by


def extend_sphere(canvas: Tensor, margin: int) -> Tensor:
    """Return (…, H, 2H) as (…, H + 2m, 2H + 2m) with what is beyond its edges: over a pole above and below."""
    over = canvas.roll(canvas.shape[-2], -1)  # half a turn further
    top, bottom = over[..., :margin, :].flip(-2), over[..., -margin:, :].flip(-2)
    tall = torch.cat([top, canvas, bottom], -2)
    return torch.cat([tall[..., -margin:], tall, tall[..., :margin]], -1)


def composite_panorama(painted: Tensor, known: Tensor, mask: Tensor) -> Tensor:
    """Return panoramas (B, 3, H, 2H) as `blending.composite` does: `known` to the bit where the mask (1, 1, H, 2H) is 0.

    A piece at a time, so that the memory of blending does not grow with the picture; only pieces that the mask's border
    crosses are blended.
    """
    H = mask.shape[-2]
    halo = min(HALO, H)
    wide = [extend_sphere(x, halo) for x in (painted, known, mask)]
    result = torch.empty_like(painted)
    for top in range(0, H, TILE):
        for left in range(0, 2 * H, TILE):
            rows, columns = min(TILE, H - top), min(TILE, 2 * H - left)
            own, there, white = (x[..., top : top + rows + 2 * halo, left : left + columns + 2 * halo] for x in wide)
            kept = (white == 0).float().mean()
            blended = composite(own, there, white, REACH if 0 < kept < 1 else 0.0)
            result[..., top : top + rows, left : left + columns] = blended[..., halo : halo + rows, halo : halo + columns]
    return result

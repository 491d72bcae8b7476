"""A picture larger than memory likes, put through a convolutional network in overlapping pieces."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from synoptic.models.memory import LEAST_LATENTS, make_room

LEAST_OVERLAP = LEAST_LATENTS // 2


def tiled_in_batches(
    f: Callable[[Tensor], Tensor], x: Tensor, max_area: int, overlap: int, *, max_places: int, unit: int = 1
) -> Tensor:
    """Return f(x) of pictures (B, C, H, W), as `tiled`, as many at once as have `max_places` places together.

    Where memory runs out f is given half as much, and tiles of fewer than (2 overlap)² places overlap less, down to 8 units:
    a `unit` is the places of a latent. Not where gradients pass.
    """
    overlap = fitting_overlap(max_area, overlap, unit)
    max_area = max(max_area, (2 * overlap) ** 2)
    area = min(max_area, x.shape[-2] * x.shape[-1])
    rows = min(len(x), max(1, max_places // area))
    try:
        parts = [tiled(f, part, area, overlap) for part in x.split(rows)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]
    except Exception as e:
        half = rows * area // 2
        overlap = fitting_overlap(half, overlap, unit)
        passes = torch.is_grad_enabled() and x.requires_grad
        make_room(e, 1 if half < (2 * overlap) ** 2 or passes else rows * area)
    return tiled_in_batches(f, x, min(max_area, half), overlap, max_places=half, unit=unit)


def fitting_overlap(area: int, overlap: int, unit: int) -> int:
    """Return how much tiles of an area may overlap: half of a side at most, so less for small ones, down to 8 units."""
    while area < (2 * overlap) ** 2 and overlap >= 2 * LEAST_OVERLAP * unit:
        overlap = overlap // (4 * unit) * 2 * unit
    return overlap


def tiled(f: Callable[[Tensor], Tensor], x: Tensor, max_area: int, overlap: int) -> Tensor:
    """Return f(x) of pictures (B, C, H, W): whole, bitwise, up to `max_area` places H W each, so that memory is bounded.

    A larger one is done in the halves of its longer side, and of theirs, which share `overlap` places and fade into one
    another there. f changes the size by one factor, which divides `overlap` / 2. Pieces differ from the whole near their
    ends and by what norms and attention make of the rest of the picture.
    """
    H, W = x.shape[-2:]
    if max_area >= H * W:
        return f(x)
    axis = -1 if W >= H else -2
    length = x.shape[axis]
    middle = length // 2 // overlap * overlap
    start, end = middle - overlap // 2, middle + overlap // 2
    first, last = (
        tiled(f, part, max_area, overlap) for part in (x.narrow(axis, 0, end), x.narrow(axis, start, length - start))
    )
    n = first.shape[axis] * overlap // end
    ramp = (torch.arange(n, dtype=torch.float32, device=x.device) + 0.5) / n
    ramp = ramp.to(first).unflatten(0, (n, *[1] * (-1 - axis)))
    (a, b), (c, d) = (u.split([u.shape[axis] - m, m], axis) for u, m in ((first, n), (last, last.shape[axis] - n)))
    return torch.cat([a, torch.lerp(b, c, ramp), d], axis)

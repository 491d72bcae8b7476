"""Shuffled pieces: patches, single pixels, or an order of one's own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synoptic.views.permutation import Permutation, index_grid


def patch_permute(pieces: int = 8, seed: int = 0) -> Permutation:
    """Return the picture cut into pieces x pieces squares, shuffled by chance.

    Valid because it only moves pixels. The draw is of the squares, so every side shows the same one, finer or coarser.
    """
    return Permutation(f"patch_permute:{pieces}:{seed}", lambda side: block_indices(_random_order(pieces, seed), side))


def pixel_permute(seed: int = 0, pieces: int = 64) -> Permutation:
    """Return as patch_permute with pieces so small that they are pixels where the side is
    `pieces`, and blocks of them beyond.

    Valid because it only moves pixels. Drawn anew at a finer side it would not undo the coarse one: hence blocks.
    """
    return Permutation(f"pixel_permute:{seed}:{pieces}", lambda side: block_indices(_random_order(pieces, seed), side))


def custom_permutation(name: str, order: Sequence[int]) -> Permutation:
    """Return a permutation of one's own: n*n numbers; piece p of the view, row after row, shows
    piece order[p] of the picture.

    Valid because it only moves pixels; finer sides move blocks. Raises ValueError, on use, where it is no permutation.
    """
    return Permutation(name, lambda side: block_indices(torch.tensor(order), side))


def block_indices(order: Tensor, side: int) -> Tensor:
    """Return a permutation of n*n pieces (n*n,) at a side that n divides: `indices` (side,
    side), in blocks of side/n pixels.

    Raises ValueError where n does not divide the side.
    """
    n = round(len(order) ** 0.5)
    if side % n:
        raise ValueError(f"{n}x{n} pieces need a side that is a multiple of {n}, {side} was given: resize the picture")
    blocks = index_grid(side).view(n, side // n, n, side // n).transpose(1, 2).flatten(0, 1)[order]
    return blocks.view(n, n, side // n, side // n).transpose(1, 2).reshape(side, side)


def _random_order(pieces: int, seed: int) -> Tensor:
    return torch.randperm(pieces * pieces, generator=torch.Generator().manual_seed(seed))

"""Skew: every column slides down by an amount of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.views.permutation import Permutation, index_grid

SLOPE = 1.5  # rows down for a column further right


def skew() -> Permutation:
    """Return column i rolled down by int(1.5 (i - S//2)): what leaves at the bottom comes in at the top.

    Valid because it only moves pixels, each within its column.
    """
    return Permutation("skew", _indices)


def _indices(side: int) -> Tensor:
    shift = (SLOPE * (torch.arange(side, dtype=torch.float64) - side // 2)).long()  # .long() cuts toward zero, as int() does
    rows = (torch.arange(side)[:, None] - shift) % side
    return index_grid(side).gather(0, rows)

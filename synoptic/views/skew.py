"""Skew: every column slides down by an amount of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.views.permutation import Permutation, numbered

SLOPE = 1.5  # rows down for a column further right


def skew() -> Permutation:
    """Column i rolled down by int(1.5 (i - S//2)), what leaves at the bottom comes in at the top.

    Legal because it only moves pixels, each within its column.
    """
    return Permutation("skew", _places)


def _places(side: int) -> Tensor:
    shift = (SLOPE * (torch.arange(side) - side // 2)).long()  # .long() cuts toward zero, as int() does
    rows = (torch.arange(side)[:, None] - shift) % side
    return numbered(side).gather(0, rows)

"""A jigsaw puzzle of 4 x 4 pieces with knobs, put together in another order."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.views.permutation import Permutation, index_grid

PIECES_PER_SIDE = 4
# Quarter turns, clockwise, of the piece that lies at each place. The board is symmetric under quarter turns, so that a
# piece turned about the board's middle fits exactly at another place: corner to corner, edge to edge, inner to inner.
# Within each such round of four every piece moves, no two to one place, and no neighbors stay together.
QUARTER_TURNS = ((3, 2, 3, 1), (1, 3, 1, 2), (2, 1, 3, 1), (1, 3, 2, 3))


def jigsaw() -> Permutation:
    """Return 16 pieces with knobs and hollows, each turned and fitted at another's place.

    Valid because it only moves pixels: where a piece ends is decided at the pixels' middles by a rule that is exactly
    symmetric, so each piece fills its new place without gap or overlap. Sides are multiples of 4; ValueError otherwise.
    """
    return Permutation("jigsaw", _indices)


def _indices(side: int) -> Tensor:
    turned = torch.stack([index_grid(side).rot90(-turns) for turns in range(4)])
    turns = torch.tensor(QUARTER_TURNS).flatten()[piece_map(side)]
    return turned.gather(0, turns[None])[0]


def piece_map(side: int) -> Tensor:
    """Return the place on the board, 0 … 15 row after row, whose piece covers each pixel: (side, side) int64.

    Where row + column is even a piece has knobs to its left and right and hollows above and below; its neighbors the
    other way round. The board's rim is straight. Raises ValueError where the side is no multiple of 4.
    """
    n = PIECES_PER_SIDE
    if side % n:
        raise ValueError(f"a jigsaw of {n}x{n} pieces needs a side that is a multiple of {n}, {side} was given: resize it")
    cell = side // n
    at = torch.arange(side)
    place, near = at // cell, 2 * (at % cell) + 1  # which cell, and half pixels from where it begins
    far = 2 * cell - near  # whole numbers, so that the four sides of a cell are treated bitwise alike
    row, col = place[:, None], place
    even = (row + col) % 2 == 0
    above = even & (row > 0) & _knob(near, near[:, None], cell)
    below = even & (row < PIECES_PER_SIDE - 1) & _knob(near, far[:, None], cell)
    left = ~even & (col > 0) & _knob(near[:, None], near, cell)
    right = ~even & (col < PIECES_PER_SIDE - 1) & _knob(near[:, None], far, cell)
    return (row + below.long() - above.long()) * PIECES_PER_SIDE + col + right.long() - left.long()


def _knob(along: Tensor, depth: Tensor, cell: int) -> Tensor:
    """Return whether a neighbor's knob, a neck and a round head, covers a point: half pixels
    along the edge and into the cell.
    """
    u, v = (along - cell).abs() / (2 * cell), depth / (2 * cell)
    neck = (u < 0.07) & (v < 0.15)
    head = u**2 + (v - 0.18) ** 2 < 0.125**2
    return neck | head

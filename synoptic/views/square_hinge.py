"""Square hinge: a board of squares that turn against each other, like cogs."""

from __future__ import annotations

from torch import Tensor

from synoptic.views.permutation import Permutation, index_grid

SQUARES = 3  # along each side


def square_hinge() -> Permutation:
    """Return 3 x 3 squares, each turned by 90° in its place: corners and middle clockwise, the other four back.

    Valid because it only moves pixels. Pixels that S//3 leaves over, on the right and at the bottom, stay.
    """
    return Permutation("square_hinge", _indices)


def _indices(side: int) -> Tensor:
    places, s = index_grid(side), side // SQUARES
    for i in range(SQUARES):
        for j in range(SQUARES):
            square = places[i * s : (i + 1) * s, j * s : (j + 1) * s]
            square.copy_(square.rot90(1 if (i + j) % 2 else -1).clone())
    return places

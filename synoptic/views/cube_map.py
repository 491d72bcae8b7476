"""A panorama on the faces of a cube, as game engines take it."""

from __future__ import annotations

from torch import Tensor

from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective

FACES = {  # (row, column) of the cross: neighbors on it meet at an edge of the cube
    (0, 1): Direction(0.0, 90.0),
    (1, 0): Direction(-90.0, 0.0),
    (1, 1): Direction(0.0, 0.0),
    (1, 2): Direction(90.0, 0.0),
    (1, 3): Direction(180.0, 0.0),
    (2, 1): Direction(0.0, -90.0),
}


def cube_map(panorama: Tensor) -> Tensor:
    """Draw a panorama (B, C, H, 2H) as a cross (B, C, 3 S, 4 S), S = H / 2, of six views of 90 degrees, the front amid.

    Left, front, right and back lie in a row, up above the front and down below it; the corners are -1, black.
    """
    B, C, H, _ = panorama.shape
    S = H // 2
    cross = panorama.new_full((B, C, 3 * S, 4 * S), -1.0)
    for (row, column), direction in FACES.items():
        face = perspective(panorama, direction, 90.0, (S, S))
        cross[..., row * S : (row + 1) * S, column * S : (column + 1) * S] = face
    return cross

"""The cube map: faces meet where the cross has them side by side."""

from __future__ import annotations

import torch

from synoptic.views.cube_map import cube_map
from synoptic.views.sphere import canvas_rays


def test_faces_show_their_axis_meet_at_their_edges_and_the_corners_are_black():
    S = 64
    cross = cube_map(canvas_rays(2 * S).permute(2, 0, 1)[None])[0]
    assert cross.shape == (3, 3 * S, 4 * S)
    axes = {
        (0, 1): (0, 1, 0),
        (1, 0): (-1, 0, 0),
        (1, 1): (0, 0, -1),
        (1, 2): (1, 0, 0),
        (1, 3): (0, 0, 1),
        (2, 1): (0, -1, 0),
    }
    for (row, column), axis in axes.items():
        middle = cross[:, row * S + S // 2, column * S + S // 2]
        assert (middle - torch.tensor(axis)).abs().max() < 0.03
    for edge in (S, 2 * S, 3 * S):
        assert (cross[:, S : 2 * S, edge - 1] - cross[:, S : 2 * S, edge]).abs().max() < 0.05
    for edge in (S, 2 * S):
        assert (cross[:, edge - 1, S : 2 * S] - cross[:, edge, S : 2 * S]).abs().max() < 0.05
    assert (cross[:, S : 2 * S, 0] - cross[:, S : 2 * S, -1]).abs().max() < 0.05  # behind, left and back meet too
    assert (cross[:, :S, :S] == -1).all() and (cross[:, 2 * S :, 2 * S :] == -1).all()

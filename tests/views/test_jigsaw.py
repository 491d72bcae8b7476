"""The jigsaw: 16 whole pieces that leave their places, fit at others' and are puzzle pieces by their outline."""

from __future__ import annotations

import pytest
import torch

from synoptic.views.jigsaw import jigsaw, piece_map


@pytest.mark.parametrize("side", [*range(8, 200, 8), 256, 512, 1024])
def test_it_is_a_permutation_at_every_side_that_8_divides(side):
    assert torch.equal(jigsaw().indices(side).sort().values, torch.arange(side**2))


@pytest.mark.parametrize("side", [40, 64, 200])
def test_the_board_is_symmetric_under_quarter_turns(side):
    """A quarter turn brings the piece of row i, column j to row j, column 3 - i, to the pixel."""
    owner = piece_map(side)
    i, j = owner // 4, owner % 4
    assert torch.equal(owner, (j * 4 + 3 - i).rot90(-1))


def test_every_piece_stays_whole_leaves_its_place_and_takes_anothers():
    owner = piece_map(256).flatten()
    source = owner[jigsaw().indices(256)]  # the piece shown at each pixel
    shown = [source[owner == place].unique().tolist() for place in range(16)]
    assert all(len(piece) == 1 for piece in shown)
    assert sorted(piece[0] for piece in shown) == list(range(16))
    assert all(piece[0] != place for place, piece in enumerate(shown))


def test_no_neighbours_stay_together():
    """Across each of the 24 edges within the board, the two pieces have turned by different amounts."""
    places = jigsaw().indices(64).view(64, 64)
    step = torch.stack([places.diff(dim=0)[:, :-1], places.diff(dim=1)[:-1]])  # what a step down and right does
    owner = piece_map(64)
    turned = {}
    for place in range(16):
        row, col = (owner == place).nonzero().double().mean(0).long().tolist()
        turned[divmod(place, 4)] = tuple(step[:, row, col].tolist())
    for (i, j), turn in turned.items():
        assert all(turned[near] != turn for near in ((i + 1, j), (i, j + 1)) if near in turned)


def test_corners_are_straight_outside_and_have_a_knob_and_a_hollow_inside():
    owner, cell = piece_map(256), 64
    corner = owner == 0
    assert corner[0, :cell].all() and corner[:cell, 0].all()
    assert corner[cell // 2, cell + 5] and not corner[cell // 2 + 12, cell + 2], "a knob to its right"
    assert owner[cell - 5, cell // 2] == 4, "a hollow below, filled by the next piece's knob"
    assert corner[cell // 2, : cell + 18].all() and not corner[cell // 2, cell + 20], "as deep as 0.3 of a piece"
    assert corner.sum() == cell**2, "what it gains by its knob it loses by its hollow"

"""Moving windows: tiles where they stand still, every place covered wherever they go, the same whenever they are asked."""

from __future__ import annotations

import pytest
import torch

from synoptic.views.window_schedule import WindowSchedule, growing_strides, tiled_strides
from synoptic.views.windows import Windows, window_starts
from tests.exact import normal


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("canvas", [(2, 6, 32), (2, 17, 29), (2, 6, 8)])
def test_moved_windows_keep_the_laws(canvas):
    moving = WindowSchedule(canvas, (6, 8), [(6, 8)] * 5 + growing_strides(2, 6, 4), rng())
    z = normal(2, *canvas)
    for i in range(9):
        views = moving(i)
        torch.testing.assert_close(views.unproject(views.project(z)), z, rtol=0, atol=1e-12)
        x = normal(2 * len(views), 2, 6, 8, seed=i)
        once = views.project(views.unproject(x))
        torch.testing.assert_close(views.project(views.unproject(once)), once, rtol=0, atol=1e-12)
        assert len(views) <= len(moving)


def test_tiles_that_do_not_move_are_the_tiles():
    moving = WindowSchedule((2, 12, 32), (6, 8), [(6, 8)] * 3, rng())
    moving.offsets = [(0, 0)] * 3
    tiles, z = Windows((2, 12, 32), (6, 8), (6, 8)), normal(1, 2, 12, 32)
    assert torch.equal(moving(1).project(z), tiles.project(z))
    assert torch.equal(moving(1).unproject(tiles.project(z)), z)


def test_windows_moved_along_the_width_are_those_of_the_rolled_canvas():
    z = normal(2, 2, 6, 32)
    for ox in (0, 3, 8, 31):
        moved = Windows((2, 6, 32), (6, 8), (6, 8), circular=True, offset=(0, ox))
        still = Windows((2, 6, 32), (6, 8), (6, 8), circular=True)
        assert torch.equal(moved.project(z), still.project(z.roll(-ox, -1)))
        x = normal(2 * 4, 2, 6, 8)
        assert torch.equal(moved.unproject(x), still.unproject(x).roll(ox, -1))


def test_along_the_height_windows_stop_at_the_edges():
    assert window_starts(20, 8, 8, offset=3) == [0, 3, 11, 12]
    assert window_starts(16, 8, 8, offset=0) == [0, 8]
    assert window_starts(16, 8, 8, offset=8) == [0, 8]
    assert window_starts(8, 8, 8, offset=5) == [0]


def test_a_step_has_its_windows_whatever_was_asked_before_and_they_differ():
    moving, again = (WindowSchedule((2, 12, 64), (6, 8), [(6, 8)] * 6, rng()) for _ in range(2))
    assert torch.equal(moving(4).index, [again(i).index for i in range(5)][4])
    assert len({moving(i).offset for i in range(6)}) == 6
    assert max(x for _, x in moving.offsets) > 8  # over the whole width: a loop has no place where seams gather


def test_thinning_goes_from_the_stride_to_the_window():
    *strides, last = [s for s, _ in growing_strides(4, 32, 10)]
    assert (strides[0], strides[-1], last) == (4, 32, 16) and strides == sorted(strides)
    assert growing_strides(4, 32, 2) == [(4, 4), (16, 16)] and growing_strides(4, 32, 1) == tiled_strides(32, 1) == [
        (16, 16)
    ]
    assert tiled_strides(7, 3) == [(7, 7), (7, 7), (4, 4)]


def test_finer_moved_windows_see_the_same():
    views = Windows((2, 13, 29), (6, 8), (6, 8), circular=True, offset=(4, 11))
    z = normal(1, 2, 13, 29)
    up = z.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(views.scaled(2).project(up), views.project(z).repeat_interleave(2, -1).repeat_interleave(2, -2))

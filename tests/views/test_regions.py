"""Regions' views: the laws, and where each counts."""

from __future__ import annotations

import pytest
import torch

from synoptic.views.regions import WindowsWithRegions, cover_interval, feather_mask, make_region
from synoptic.views.subset import ViewSubset
from synoptic.views.windows import Windows
from tests.exact import normal

CANVAS, WINDOW = (2, 12, 30), (6, 8)
GROUND = Windows(CANVAS, WINDOW, (3, 4))


def square(y0: int, x0: int, y1: int, x1: int) -> torch.Tensor:
    mask = torch.zeros(CANVAS[1:])
    mask[y0:y1, x0:x1] = 1
    return mask


def quilt(width: int = 2) -> WindowsWithRegions:
    masks = square(2, 3, 9, 20), square(5, 15, 8, 18), square(0, 27, 2, 30)
    return WindowsWithRegions(GROUND, [make_region(feather_mask(mask, width), 2, WINDOW, (3, 4)) for mask in masks])


def test_the_laws():
    views, z = quilt(), normal(2, *CANVAS)
    torch.testing.assert_close(views.unproject(views.project(z)), z, rtol=0, atol=1e-12)
    x = normal(2 * len(views), 2, *WINDOW)
    once = views.project(views.unproject(x))
    torch.testing.assert_close(views.project(views.unproject(once)), once, rtol=0, atol=1e-12)


def test_each_patch_counts_in_its_place_and_the_later_lies_on_top():
    views = quilt(0)
    z = views.unproject(
        torch.arange(4.0).repeat_interleave(torch.tensor(views.view_counts)).view(-1, 1, 1, 1).expand(-1, 2, *WINDOW)
    )
    expected = torch.zeros(CANVAS[1:])
    for k, box in enumerate([(2, 3, 9, 20), (5, 15, 8, 18), (0, 27, 2, 30)], 1):
        expected = torch.where(square(*box) > 0, float(k), expected)
    torch.testing.assert_close(z[0, 0], expected)


def test_feathered_edges_rise_once_and_stay_in_range():
    row = feather_mask(square(0, 10, 12, 30), 4)[5]
    assert (row.diff() >= -1e-12).all() and row[:8].max() == 0 and row[13:].min() > 1 - 1e-9
    assert 0 < row[9] < row[10] < 1


@pytest.mark.parametrize(
    ("covered", "expected"), [((3, 20), (3, 20)), ((0, 1), (0, 8)), ((29, 30), (22, 30)), ((10, 12), (7, 15))]
)
def test_a_small_region_gets_a_whole_window_about_its_middle(covered, expected):
    row = torch.zeros(30, dtype=torch.bool)
    row[slice(*covered)] = True
    assert cover_interval(row, 8) == expected


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ([(3, 20)], (3, 20)),
        ([(0, 4), (25, 30)], (25, 34)),  # around the ends
        ([(28, 30)], (25, 33)),  # grown over the right one
        ([(0, 2)], (27, 35)),  # and over the left one
        ([(0, 30)], (0, 30)),
        ([(2, 28)], (2, 28)),
    ],
)
def test_on_a_circular_canvas_a_region_goes_around_the_ends(covered, expected):
    row = torch.zeros(30, dtype=torch.bool)
    for start, end in covered:
        row[start:end] = True
    assert cover_interval(row, 8, circular=True) == expected


def test_a_circular_quilt_knows_no_ends():
    """Rolled by any number of columns, whatever lies on it gives the same, rolled; and the laws hold."""
    ring = Windows(CANVAS, WINDOW, (3, 1), circular=True)
    mask, z = square(2, 24, 9, 30), normal(2, *CANVAS)
    mask[2:9, :3] = 1
    made = []
    for k in (0, 4, 11, 29):
        part = make_region(feather_mask(mask.roll(k, -1), 4, circular=True), 2, WINDOW, (3, 1), circular=True)
        views = WindowsWithRegions(ring, [part])
        torch.testing.assert_close(views.unproject(views.project(z)), z, rtol=0, atol=1e-12)
        values = torch.arange(2.0).repeat_interleave(torch.tensor(views.view_counts)).view(-1, 1, 1, 1)
        made.append(views.unproject(values.expand(-1, 2, *WINDOW).double()).roll(-k, -1))
        torch.testing.assert_close(made[-1], made[0], rtol=0, atol=1e-12)
    shown = made[0][0, 0, 5]
    assert shown[24:].max() == 1 and (shown[0] - shown[-1]).abs() < 1e-9 and shown[10] == 0


def test_a_region_all_around_a_circular_canvas_has_circular_windows():
    part = make_region(torch.ones(CANVAS[1:]), 2, WINDOW, (3, 4), circular=True)
    assert part.windows.circular and part.windows.canvas == CANVAS
    views, z = WindowsWithRegions(Windows(CANVAS, WINDOW, (3, 4), circular=True), [part]), normal(1, *CANVAS)
    torch.testing.assert_close(
        views.scaled(2).unproject(views.scaled(2).project(z.repeat(1, 1, 2, 2))), z.repeat(1, 1, 2, 2)
    )


def test_finer_views_see_the_same():
    views, z = quilt(), normal(1, *CANVAS)
    up = z.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(views.scaled(2).project(up), views.project(z).repeat_interleave(2, -1).repeat_interleave(2, -2))
    torch.testing.assert_close(views.scaled(2).unproject(views.scaled(2).project(up)), up, rtol=0, atol=1e-12)


def test_a_region_that_covers_nothing_is_refused():
    with pytest.raises(ValueError, match="a region must cover part of the picture, one covers nothing"):
        make_region(torch.zeros(CANVAS[1:]), 2, WINDOW, (3, 4))


def test_a_part_has_the_same_rows_of_every_picture():
    views, z = quilt(), normal(3, *CANVAS)
    x, part = views.project(z), ViewSubset(views, [4, 1])
    n = len(views)
    assert torch.equal(part.project(z), torch.stack([x[b * n + k] for b in range(3) for k in (4, 1)]))
    assert len(part) == 2 and part.scaled(2).project(z.repeat_interleave(2, -1).repeat_interleave(2, -2)).shape[0] == 6

"""The plot of a few lines."""

from __future__ import annotations

import numpy as np
import pytest

from synoptic.io.plot import COLORS, HEIGHT, MARGIN, WIDTH, plot_lines


def where(image, colour) -> np.ndarray:
    """(row, column) of every pixel of a color inside the axes."""
    inside = np.asarray(image)[MARGIN - 4 : HEIGHT - MARGIN + 4]
    return np.argwhere((inside == colour).all(-1)) + np.array([MARGIN - 4, 0])


def test_points_lie_where_they_belong():
    image = plot_lines({"up": [(0, 0.0), (100, 1.0)], "flat": [(0, 0.5), (100, 0.5)]}, "step", "share")
    up, flat = (where(image, colour) for colour in COLORS[:2])
    assert np.abs(up[up[:, 1].argmin()] - (HEIGHT - MARGIN, MARGIN - 3)).max() <= 3
    assert np.abs(up[up[:, 1].argmax()] - (MARGIN, WIDTH - MARGIN + 3)).max() <= 3
    assert np.abs(flat[:, 0] - HEIGHT / 2).max() <= 3 and flat[:, 1].min() < MARGIN < WIDTH - MARGIN < flat[:, 1].max()


def test_marks_stand_beside_their_points():
    lines = {"a": [(0.0, 1.0), (100.0, 0.5)], "b": [(50.0, 0.5)]}
    plain, marked = (np.asarray(plot_lines(lines, "step", "share", 1.0, m)) for m in (None, {"a": ["7", "8"]}))
    changed = np.argwhere((plain != marked).any(-1))
    far = [np.abs(changed - at).max(1) for at in ((MARGIN, MARGIN), (HEIGHT / 2, WIDTH - MARGIN))]
    assert (np.minimum(*far) <= 20).all() and all((some <= 20).sum() > 10 for some in far)
    with pytest.raises(ValueError, match="zip"):
        plot_lines(lines, "step", "share", 1.0, {"a": ["7"]})


def test_one_point_is_a_chart_and_none_is_not():
    assert len(where(plot_lines({"a": [(0, 0.5)]}, "step", "share"), COLORS[0])) > 10
    with pytest.raises(ValueError, match="1 to 4 lines"):
        plot_lines({"a": []}, "step", "share")

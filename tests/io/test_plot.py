"""The plot of a few lines."""

from __future__ import annotations

import numpy as np
import pytest

from synoptic.io.plot import COLOURS, EDGE, HIGH, WIDE, chart


def where(image, colour) -> np.ndarray:
    """(row, column) of every pixel of a colour inside the axes."""
    inside = np.asarray(image)[EDGE - 4 : HIGH - EDGE + 4]
    return np.argwhere((inside == colour).all(-1)) + np.array([EDGE - 4, 0])


def test_points_lie_where_they_belong():
    image = chart({"up": [(0, 0.0), (100, 1.0)], "flat": [(0, 0.5), (100, 0.5)]}, "step", "share")
    up, flat = (where(image, colour) for colour in COLOURS[:2])
    assert np.abs(up[up[:, 1].argmin()] - (HIGH - EDGE, EDGE - 3)).max() <= 3
    assert np.abs(up[up[:, 1].argmax()] - (EDGE, WIDE - EDGE + 3)).max() <= 3
    assert np.abs(flat[:, 0] - HIGH / 2).max() <= 3 and flat[:, 1].min() < EDGE < WIDE - EDGE < flat[:, 1].max()


def test_marks_stand_beside_their_points():
    lines = {"a": [(0.0, 1.0), (100.0, 0.5)], "b": [(50.0, 0.5)]}
    plain, marked = (np.asarray(chart(lines, "step", "share", 1.0, m)) for m in (None, {"a": ["7", "8"]}))
    changed = np.argwhere((plain != marked).any(-1))
    far = [np.abs(changed - at).max(1) for at in ((EDGE, EDGE), (HIGH / 2, WIDE - EDGE))]
    assert (np.minimum(*far) <= 20).all() and all((some <= 20).sum() > 10 for some in far)
    with pytest.raises(ValueError, match="zip"):
        chart(lines, "step", "share", 1.0, {"a": ["7"]})


def test_one_point_is_a_chart_and_none_is_not():
    assert len(where(chart({"a": [(0, 0.5)]}, "step", "share"), COLOURS[0])) > 10
    with pytest.raises(ValueError, match="1 to 4 lines"):
        chart({"a": []}, "step", "share")

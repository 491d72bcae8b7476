"""Numbers with their nouns."""

from __future__ import annotations

from synoptic.utils.counted import counted


def test_one_is_singular():
    assert [counted(n, "view") for n in range(3)] == ["0 views", "1 view", "2 views"]

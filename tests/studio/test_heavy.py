"""Imports take turns, and what carries out jobs comes first."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from synoptic.studio import heavy


def test_two_threads_import_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def importing(name: str) -> str:
        events.append(f"begin {name}")
        time.sleep(0.01)
        events.append(f"end {name}")
        return name

    monkeypatch.setattr(heavy, "import_module", importing)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(heavy.import_heavy, "abcd")) == list("abcd")
    assert events[:2] == [f"begin {heavy.EXECUTE}", f"end {heavy.EXECUTE}"]
    assert all(events[i + 1] == events[i].replace("begin", "end") for i in range(0, len(events), 2))

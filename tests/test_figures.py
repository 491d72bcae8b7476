"""Figures on the pages are those of the JSON in docs/benchmarks/, and the driver's ratios are those of its seconds."""

from __future__ import annotations

import pytest

from benchmarks import figures
from benchmarks.__main__ import compared


def test_no_page_says_what_the_json_does_not():
    assert figures.stale() == []


def test_every_figure_stands_on_a_page():
    found = {match[2] for page in figures.pages() for match in figures.MARKED.finditer(page.read_text())}
    assert found == set(figures.FIGURES)


def test_a_page_with_another_figure_is_found_and_filled(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("Before <!-- figures: wide-on-gpu -->9 times<!-- end --> after.")
    monkeypatch.setattr(figures, "pages", lambda: iter([page]))
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert figures.stale() == [page]
    figures.write()
    ours = figures.read("full-size-h200")["speed"]
    best = min(row["step"] for name, row in ours.items() if name.startswith("diffusers"))
    assert f">{best / ours['synoptic']['step']:.1f} times as fast as diffusers' best" in page.read_text()
    assert page.read_text().endswith("<!-- end --> after.") and figures.stale() == []


def test_ratios_are_to_the_first_side_and_to_the_best_peer():
    def work(n: int):
        return lambda: sum(range(n))

    rows = list(compared("sums", {"peer": work(4_000_000), "peer, best": work(2_000_000), "synoptic": work(100_000)}, 2))
    first, best, _ = rows
    assert first["times as fast"] == 1 and best["times its best"] == 1
    assert best["times as fast"] == pytest.approx(float(str(first["CPU s"])) / float(str(best["CPU s"])))
    assert [row["side"] for row in rows] == ["peer", "peer, best", "synoptic"] and {row["what"] for row in rows} == {"sums"}

"""Synoptic and diffusers side by side."""

from __future__ import annotations

import json

import pytest

import synoptic


@pytest.mark.slow
def test_bench_times_both_libraries_and_keeps_what_it_found(tmp_path):
    found = synoptic.bench(width=288, steps=1, out=str(tmp_path))
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["rows"] == found.rows and {"machine", "versions", "options"} <= set(kept)
    default, *_, fast = found.rows
    assert default["of diffusers' default"] == 1 and fast["name"] == "synoptic --fast"
    for row in found.rows:
        assert row["of diffusers' default"] == pytest.approx(default["seconds"] / row["seconds"])
        assert (tmp_path / f"{row['name']}-{row['dtype']}-{row['batch']}.png".replace(" ", "")).exists()

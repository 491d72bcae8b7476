"""Grids: a cell that came to nothing does not cost the others."""

from __future__ import annotations

import pytest

from synoptic import io
from synoptic.errors import RunFailed
from synoptic.options.generate import GenerateOptions
from synoptic.options.grid import parse_axes, prepare_cells
from synoptic.runs import execute, grid
from synoptic.runs.grid import execute_grid


def test_the_others_are_made_and_the_figure_has_a_gray_cell(tmp_path, monkeypatch):
    axes = parse_axes(GenerateOptions, ["seed=0..2"])
    how = {"model": "bundled", "steps": 2, "dtype": "float32", "out": str(tmp_path)}
    cells = prepare_cells(GenerateOptions, axes, ["a photo of a horse"], how)
    carry_out = execute.carry_out

    def fail_in_the_middle(options):
        run = carry_out(options)
        if options.seed != 1:
            return run
        run.pictures = []
        raise RunFailed("NaN", run)

    monkeypatch.setattr(grid, "carry_out", fail_in_the_middle)
    with pytest.raises(RunFailed, match="seed=1: NaN") as e:
        execute_grid(cells, axes)
    assert [picture.seed for picture in e.value.result.pictures] == [0, 2]  # type: ignore[attr-defined]
    figure = io.load_image(tmp_path / "grid.png")
    assert figure.getpixel((figure.width // 2, figure.height // 2)) == (128, 128, 128)

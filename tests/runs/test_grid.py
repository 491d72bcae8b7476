"""Grids: a cell that came to nothing does not cost the others."""

from __future__ import annotations

import pytest

import synoptic
from synoptic import InputError, io
from synoptic.options.generate import GenerateOptions
from synoptic.options.grid import parse_axes, prepare_cells
from synoptic.runs import execute, grid
from synoptic.runs.errors import RunFailed
from synoptic.runs.grid import execute_grid


@pytest.mark.slow
def test_the_others_are_made_and_the_figure_has_a_gray_cell(tmp_path, monkeypatch):
    axes = parse_axes(GenerateOptions, ["seed=0..2"])
    how = {"model": "bundled", "steps": 1, "dtype": "float32", "out": str(tmp_path)}
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


@pytest.mark.slow
def test_in_python_it_is_the_runs_of_the_command_line(tmp_path):
    how = {"model": "bundled-if", "upscalers": "none", "steps": 1, "dtype": "float32"}
    found = synoptic.grid("generate", {"guidance_scale": (3, 5), "seed": range(2)}, "a lake", out=str(tmp_path / "a"), **how)
    axes = parse_axes(GenerateOptions, ["guidance-scale=3,5", "seed=0..1"])
    same = execute_grid(prepare_cells(GenerateOptions, axes, ["a lake"], how | {"out": str(tmp_path / "b")}), axes)
    assert [run.options.to_json() for run in found.runs] == [run.options.to_json() for run in same.runs]
    pixels = [[run.images[0].tobytes() for run in one.runs] for one in (found, same)]
    assert pixels[0] == pixels[1] and len(set(pixels[0])) == 4
    assert io.read_settings(found.folder / "grid.png")["grid"] == ["guidance-scale=3.0,5.0", "seed=0,1"]


@pytest.mark.parametrize(
    "axes",
    [
        *({}, {"seed": ()}, {"prompt": ("a", "b")}, {"seeds": (1, 2)}, {"seed": ("x",)}),
        *(None, {"seed": 3}, {"sampler": "ddim"}, ["seed"]),
    ],
)
def test_in_python_wrong_axes_are_refused(axes):
    with pytest.raises(InputError):
        synoptic.grid("generate", axes, "a lake")

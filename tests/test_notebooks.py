"""The courses' tutorials: notebooks that are stored with small outputs, run from top to bottom, and end in their figure."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))
SHORTER = {  # what a notebook shows in minutes is run here in seconds: other numbers in the same calls
    "controlnet": {"steps=s.steps(20)": "steps=s.steps(2)"},
    "diffusers_loop": {"3.0, 25": "3.0, 4", "(h, w // 4)": "(h, w // 2)"},
    "joint_diffusion": {
        "s.steps(20)": "s.steps(2)",
        "(C, h, 4 * w)": "(C, h, 2 * w)",
        "(h // 4, w // 4)": "(h // 2, w // 2)",
        "0.95, 10, 1": "0.95, 1, 1",
    },
    "latent_diffusion": {
        "s.steps(25)": "s.steps(4)",
        "[::6]": "[::2]",
        "(0, 4, 8, 12, 18, 24)": "(0, 1, 1, 2, 2, 3)",
        "(1.0, 2.0, 3.0, 5.0, 8.0, 12.0)": "(1.0, 8.0)",
    },
    "sampling_loops": {
        "end=s.final_time": "stride=330, end=s.final_time",
        "START = 10": "START = 1",
        "loop[4::5]": "loop[1::2]",
        "(1, 3, 5, 7, 10, 20)": "(0, 1, 1, 2, 2, 2)",
    },
    "score_distillation": {"(1, 20, 60, steps)": "(1, 2, 3, steps)", "optimize(150)": "optimize(4)", "steps=300": "steps=4"},
    "text_to_3d": {"400, 48": "8, 24", "turntable_cameras(24), 128": "turntable_cameras(24), 32"},
}


def cells(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["cells"]


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code"]


def shorter(path: Path) -> list[str]:
    """Return the cells' code with the numbers of `SHORTER`, each of which stands in one place of the notebook."""
    code = sources(path)
    for long, short in SHORTER[path.stem].items():
        assert sum(source.count(long) for source in code) == 1, long
        code = [source.replace(long, short) for source in code]
    return code


def kinds(cell: dict[str, Any]) -> list[str]:
    """Return of what kind each stored output of a cell is."""
    return [kind for output in cell["outputs"] for kind in output.get("data", [output.get("name")])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_small_outputs_and_says_which_line_to_change(path):
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5) and path.stat().st_size < 800_000
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] is None and set(kinds(cell)) <= {"image/jpeg", "stdout"} for cell in code)
    assert kinds(code[-1]) == ["image/jpeg"] and shorter(path)  # the figure
    assert len({cell["id"] for cell in cells(path)}) == len(cells(path))
    line = next(line for source in sources(path) for line in source.splitlines() if line.startswith("MODEL"))
    text = "".join(cells(path)[0]["source"])
    assert "one line" in text.replace("\n", " ") and line.partition(" =")[0] in text


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_ends_in_its_figure(path, tmp_path, monkeypatch):
    """Its cells in one namespace, as a kernel would; a cell's last expression is what it shows; fewer steps than it has."""
    monkeypatch.chdir(tmp_path)
    grads, space, shown = torch.is_grad_enabled(), {}, []
    try:
        for source in shorter(path):
            *body, last = ast.parse(source).body
            shows = isinstance(last, ast.Expr)
            exec(compile(ast.Module(body if shows else [*body, last], []), path.name, "exec"), space)
            if shows:
                shown.append(eval(compile(ast.Expression(last.value), path.name, "eval"), space))
    finally:
        torch.set_grad_enabled(grads)
    assert all(value is not None for value in shown)
    figure = shown[-1]
    assert isinstance(figure, Image.Image) and min(figure.size) > 300
    assert np.asarray(figure).std() > 20 and len(set(figure.tobytes())) > 200

"""Every command and Python block of the README, and of the pages for beginners, runs; the view of CONTRIBUTING is one."""

import json
import re
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from synoptic import cli
from synoptic.courses.prompt_sets import OURS
from synoptic.mesh.marching_cubes import extract_mesh
from synoptic.views.validate import validate_view
from tests.mesh.shapes import CUBE

ROOT = Path(__file__).parents[1]
API = ("index", "applications", "models", "sampling", "distillation")
PAGES = ("README.md", "docs/index.md", "docs/start.md", "docs/prompts.md", *(f"docs/api/{name}.md" for name in API))
BLOCKS = {page: re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S) for page in PAGES}
DOWNLOADED = {"sd1.5", "sd2", "model.safetensors", "flux-schnell"}


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page's tables and plain blocks, less those of models that are not in the package."""
    table = re.findall(r"\| `(synoptic [^`]+)` \|", (ROOT / page).read_text())
    block_lines = [line for kind, block in BLOCKS[page] if not kind for line in block.splitlines()]
    lines = [shlex.split(line, comments=True) for line in table + block_lines]
    return [words for words in lines if words[:1] == ["synoptic"] and not DOWNLOADED.intersection(words)]


README = commands("README.md")
EVERY = {" ".join(words): words for page in PAGES for words in commands(page)}
PYTHON = {f"{page} {k}": block for page in PAGES for k, (kind, block) in enumerate(BLOCKS[page]) if kind == "python"}
SAMPLING = {"wide", "panorama", "generate", "evaluate", "edit", "control", "distill", "texture"}
NAMES = SAMPLING | {"anagram", "text-to-3d", "hybrid", "views", "score", "info", "models", "batch"}
SMALL = ["--steps", "2", "--upscalers", "none"]
QUICK = {name: ["--steps", "2"] for name in SAMPLING} | {"anagram": [*SMALL, "--seed-search", "2"], "hybrid": SMALL}
QUICK["generate"] = SMALL
QUICK |= {"text-to-3d": ["--steps", "2", "--frames", "2"]}
FEWER = ((r"steps\(10\)", "steps(2)"), (r"seed=3", "seed=3, steps=2"), (r"steps=20", "steps=2"))  # in Python


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which a picture was generated already, as the README does."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as m:
        m.chdir(folder)
        guitar = ["synoptic", "generate", "a photo of a guitar", "--steps", "2", "--model", "bundled", "--out"]
        assert [run(m, [*guitar, out]) for out in ("guitar", "outputs/guitar")] == [0, 0]
    (folder / "cube.obj").write_text(CUBE)
    return folder


@pytest.fixture
def small(made, tmp_path, monkeypatch):
    """A working folder like it; a set has two prompts, and a mesh is coarse."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "here"))
    two = dict(list(json.loads(OURS["wide"].read_text()).items())[:2])
    (tmp_path / "wide.json").write_text(json.dumps(two))
    job = {"application": "generate", "prompt": "a photo of a horse", "model": "bundled", "steps": 2}
    Path("jobs.jsonl").write_text(json.dumps(job | {"grid": {"seed": "0..1"}}))
    monkeypatch.setitem(OURS, "wide", tmp_path / "wide.json")
    monkeypatch.setattr("synoptic.mesh.marching_cubes.extract_mesh", partial(extract_mesh, grid=48, texture=64, views=2))


@pytest.mark.slow
@pytest.mark.parametrize("argv", EVERY.values(), ids=EVERY)
def test_commands_run_as_written_but_for_how_much_they_do(argv, small, monkeypatch):
    quick = QUICK.get(argv[1], [])
    skipped = {k + d for k, word in enumerate(argv) if word in quick and word.startswith("--") for d in (0, 1)}
    assert run(monkeypatch, [word for k, word in enumerate(argv) if k not in skipped] + quick) == 0


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON.values(), ids=PYTHON)
def test_python_runs_as_written_but_for_the_steps(block, tmp_path, monkeypatch):
    for written, fewer in FEWER:
        block = re.sub(written, fewer, block)
    monkeypatch.chdir(tmp_path)
    exec(block.replace("images[0].show()", "images[0].resize((512, 128))"), {})


def test_there_is_something_to_run():
    assert {argv[1] for argv in README} == NAMES and len(PYTHON) == 8
    last = PYTHON["README.md 1"].rstrip().splitlines()
    assert len(last) <= 10 and last[-1].endswith(".show()")  # whoever pastes it sees a picture


def test_the_view_in_contributing_keeps_the_laws():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    scope: dict[str, Any] = {}
    exec(block, scope)
    laws = validate_view(scope["Negate"]())
    assert laws.works and laws.recovery == 0


def run(monkeypatch, argv):
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as e:
        cli.main()
    return e.value.code

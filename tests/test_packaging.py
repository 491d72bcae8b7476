"""The distribution's name and the files that its wheel must carry. `.ci/wheel` installs and runs the wheel itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from synoptic import __version__, errors
from synoptic.courses.evaluate_options import EvaluateOptions
from synoptic.errors import DISTRIBUTION, InputError, install_command

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_distribution_is_named_once():
    assert PROJECT["project"]["name"] == DISTRIBUTION
    assert PROJECT["project"]["version"] == __version__


def test_every_extra_that_a_message_names_exists():
    extras = PROJECT["project"]["optional-dependencies"]
    for extra in ("video", "control", "mesh", "courses"):
        assert extra in extras
        assert install_command(extra) == f"pip install '{DISTRIBUTION}[{extra}]'"
    sources = "\n".join(path.read_text() for path in (ROOT / "synoptic").rglob("*.py"))
    assert "'synoptic[" not in sources  # a package of that name is somebody else's


def test_every_file_that_is_read_beside_the_code_is_packed():
    package = ROOT / "synoptic"
    packed = {path for glob in PROJECT["tool"]["setuptools"]["package-data"]["synoptic"] for path in package.glob(glob)}
    data = [p for p in package.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    assert [str(p.relative_to(ROOT)) for p in data if p not in packed] == []


def test_the_hand_in_needs_the_extra_courses(monkeypatch):
    monkeypatch.setattr("synoptic.courses.evaluate_options.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"\[courses\]") as e:
        EvaluateOptions(prompts="wide", zip="KIM_20240001").check_zip()
    assert e.value.rule == "missing-package"


def test_errors_are_light():
    assert "torch" not in vars(errors)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(("given", "expected"), [("", "--no-compile"), ("1", "--compile")])
def test_make_lets_pip_compile_where_python_may_keep_nothing_that_it_compiles(given, expected):
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": given}
    command = ["make", "--dry-run", "--always-make", "install", ".venv/bin/synoptic"]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    installs = [line.split() for line in said.splitlines() if "pip install" in line]
    assert len(installs) == 2 and all(expected in words for words in installs)

"""Runs whose pictures workers paint: the same pictures, files and numbers as without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import synoptic
from synoptic import cli
from synoptic.commands.call import engine_of
from synoptic.courses.evaluate import execute
from synoptic.courses.evaluate_options import EvaluateOptions
from synoptic.errors import InputError
from synoptic.jobs import spread
from synoptic.jobs.plan_file import Needs
from synoptic.jobs.planning import Job
from synoptic.options import options_class
from synoptic.options.batch import BatchOptions
from synoptic.options.pretrained_model import ModelOptions
from tests.jobs.here import Here

PAIR = ("a photo of a horse", "a photo of a dog")
SMALL: dict[str, Any] = {"model": "bundled-if", "upscalers": "none", "steps": 2, "device": "cpu", "dtype": "float32"}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(monkeypatch):
    """Carry out the jobs of an engine here; what was carried out."""
    engines: list[Here] = []

    class Module:
        @staticmethod
        def build(options: BatchOptions, jobs: Sequence[Job], needs: Needs) -> Here:
            engines.append(Here(options.out))
            return engines[-1]

    monkeypatch.setattr(spread, "import_module", lambda name: Module)
    return engines


LOCAL = BatchOptions(jobs="run", engine="local", workers=2)


def painted(folder: Path, application: str, *values: str, **options: Any) -> Any:
    """Paint a run by workers, then carry it out."""
    asked = options_class(application).from_arguments(*values, out=str(folder), **options).prepare()
    assert isinstance(asked, ModelOptions)
    spread.paint([asked], LOCAL)
    return synoptic.run(application, *values, out=str(folder), **options)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a run but its manifests, {name: content}."""
    names = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.json")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in names}


def pictures_of(folder: Path) -> list[Any]:
    """Return what a manifest says of the pictures, and their scores."""
    found = json.loads((folder / "run.json").read_text())
    return [found["pictures"], found["scores"], found["options"], found["state"]]


CASES: dict[str, tuple[str, tuple[str, ...], dict[str, Any], int]] = {  # and how many pictures are painted
    "generate": ("generate", PAIR, {"count": 2}, 4),
    "wide": ("wide", PAIR, {"model": "bundled", "width": 288, "steps": 1}, 2),
    "anagram": ("anagram", PAIR, {"count": 2}, 2),
    "search": ("anagram", PAIR, {"seed_search": 3, "count": 1}, 3 + 1),
    "rounds": ("anagram", PAIR, {"seed_search": 3, "count": 1, "steps": 9}, 3 + 2 + 1),
    "compare": ("compare_sync", PAIR, {"steps": 1}, 6),
}
SLOW = ("generate", "anagram", "wide", "search", "rounds", "compare")


@pytest.mark.filterwarnings("ignore:sync='eps' never reconciles")
@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in CASES])
def test_a_run_that_workers_paint_is_the_run_itself(case, engine, tmp_path, monkeypatch):
    monkeypatch.setattr("synoptic.runs.execute.max_batch_rows", lambda *_: 1)  # a picture at a time, as a job has it
    application, values, own, count = CASES[case]
    options = {k: v for k, v in (SMALL | own).items() if not (application == "wide" and k == "upscalers")}
    whole = synoptic.run(application, *values, out=str(tmp_path / "whole"), **options)
    run = painted(tmp_path / "spread", application, *values, **options)
    assert sum(len(one.jobs) for one in engine) == count and not (tmp_path / "spread/parts").exists()
    assert [image.tobytes() for image in run.images] == [image.tobytes() for image in whole.images]
    expected, found = files_of(tmp_path / "whole"), files_of(tmp_path / "spread")
    assert found.keys() == expected.keys()
    pictures = [name for name in expected if name.endswith(".png")]
    assert [name for name in pictures if found[name] != expected[name]] == []
    if application != "compare_sync":
        assert pictures_of(tmp_path / "spread") == pictures_of(tmp_path / "whole")
    if own.get("seed_search"):
        searches = [json.loads(files["search.json"])["rounds"] for files in (found, expected)]
        assert [one["seeds"] for one in searches[0]] == [one["seeds"] for one in searches[1]]
        for a, b in zip(*searches, strict=True):  # batches of seeds round otherwise
            assert a["steps"] == b["steps"] and a["scores"] == pytest.approx(b["scores"], abs=1e-4)


@pytest.mark.slow
def test_what_is_there_is_not_painted_again_and_what_fails_is_told_by_the_run(engine, tmp_path, monkeypatch):
    painted(tmp_path, "generate", PAIR[0], **SMALL, count=2)
    (tmp_path / "a_photo_of_a_horse_1.png").unlink()
    painted(tmp_path, "generate", PAIR[0], **SMALL, count=2)
    assert [one.jobs for one in engine] == [["0/a_photo_of_a_horse_0", "0/a_photo_of_a_horse_1"], ["0/a_photo_of_a_horse_1"]]
    monkeypatch.setattr("synoptic.jobs.worker.carry_out_unlisted", lambda _: 1 / 0)
    run = painted(tmp_path / "failing", "generate", PAIR[0], **SMALL)
    assert run.state == "done" and len(run.images) == 1  # the run itself painted it


@pytest.mark.slow
def test_evaluate_paints_by_workers_what_it_paints_without(engine, tmp_path):
    (tmp_path / "prompts.json").write_text(json.dumps(["a photo of a horse", "a red mug"]))
    how: dict[str, Any] = {"prompts": str(tmp_path / "prompts.json"), "model": "bundled", "steps": 1, "dtype": "float32"}
    results = []
    for name, by in (("without", None), ("by", LOCAL)):
        found = execute(EvaluateOptions.from_arguments(**how, out=str(tmp_path / name)).prepare(), by)
        results.append((found.score, [p.name for p in sorted(found.folder.glob("*.png"))]))
    assert results[0][1] == results[1][1] and results[0][0] == pytest.approx(results[1][0], abs=1e-3)
    assert sum(len(one.jobs) for one in engine) == 2


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["generate", "x", "--workers=2"], "add --engine local"),
        (["generate", "x", "--engine=local", "--address=auto"], "Ray cluster"),
        (["generate", "x", "--engine=local", "--grid=seed=0..1"], "synoptic batch"),
    ],
)
def test_engines_that_make_no_sense_are_refused_in_one_line(words, rule, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["synoptic", *words])
    with pytest.raises(SystemExit) as e:
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert e.value.code == 2 and rule in line


@pytest.mark.slow
@pytest.mark.parametrize("words", [["anagram", *PAIR, "--seed-search=2", "--model=bundled-if"], ["compare-sync", *PAIR]])
def test_the_command_line_takes_an_engine(words, tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    own = ["--upscalers=none", "--steps=1", "--dtype=float32", f"--out={tmp_path}", "--engine=local", "--workers=1"]
    done = subprocess.run(
        [sys.executable, "-m", "synoptic", *words, *own], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "at once" in done.stderr and not (tmp_path / "parts").exists()


def test_an_engine_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setattr("synoptic.errors.find_spec", lambda _: None)
    with pytest.raises(InputError, match="not installed"):
        engine_of({"engine": "ray", "workers": None, "address": None})

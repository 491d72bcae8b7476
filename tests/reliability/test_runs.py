"""Runs that are killed, doubled, or started where nothing is as usual: exact, or one line."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from PIL import Image

import synoptic
from synoptic import cli
from synoptic.io import load_image
from tests.processes import renew_threads
from tests.reliability.hostile import LONG

ROOT = str(Path(synoptic.__file__).parents[1])
COMMANDS = {
    "generate": ["generate", "a photo of a horse", "--count=6", "--steps=3", "--model=bundled-if", "--upscalers=none"],
    "wide": ["wide", "a photo of a lake", "--width=384", "--steps=4", "--count=3"],
    "distill": ["distill", "a photo of a red mug", "--steps=15", "--save-every=3"],
}
LONG_COMMANDS = {
    "anagram": [
        "anagram",
        "a lion",
        "a sunflower",
        "--steps=4",
        "--count=3",
        "--views=identity,rotate_cw",
        "--model=bundled-if",
    ],
    "edit": ["edit", "{picture}", "a photo of a cat", "--steps=8", "--start=2,4,6"],
    "inpaint": ["inpaint", "{picture}", "{mask}", "a photo of a cat", "--steps=6", "--count=3"],
    "text-to-3d": ["text-to-3d", "a red mug", "--steps=10", "--resolution=16", "--frames=2", "--preview-every=10"],
    "grid": ["generate", "a photo of a horse", "--grid=seed=0..3", "--steps=3", "--model=bundled-if", "--upscalers=none"],
}


def start(words: list[str], **changes: str | None) -> subprocess.Popen[str]:
    """Start a command in a process of its own; a variable that is None is taken out of its environment."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
    environment |= {name: value for name, value in changes.items() if value is not None}
    for name in (name for name, value in changes.items() if value is None):
        environment.pop(name, None)
    command = [sys.executable, "-m", "synoptic", *words]
    out = subprocess.PIPE
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # which the background of a shell ignores
    return subprocess.Popen(command, env=environment, text=True, errors="replace", stdout=out, stderr=out, preexec_fn=heed)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Return a command's error stream, once it ended as it should."""
    _, err = process.communicate(timeout=280)
    assert process.returncode == code and "Traceback" not in err, err[-2000:]
    return err


def command(words: list[str]) -> None:
    """Carry out a command here, to its good end."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as e:
        patch.setattr(sys, "argv", ["synoptic", *words])
        cli.main()
    assert e.value.code == 0


def forked(words: list[str]) -> BaseProcess:
    """Begin a command in a process that has imported and loaded what this one has."""
    process = multiprocessing.get_context("fork").Process(target=_forked, args=(words,), daemon=True)
    process.start()
    return process


def _forked(words: list[str]) -> None:
    renew_threads()
    command(words)


def pictures(folder: Path) -> dict[str, bytes]:
    """Return every picture's pixels, by its place in the folder."""
    return {str(p.relative_to(folder)): load_image(p).tobytes() for p in sorted(folder.rglob("*.png"))}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS | (LONG_COMMANDS if LONG else {}))
def test_a_killed_run_goes_on_to_the_same_bits(name, tmp_path):
    rng = random.Random(name)
    Image.effect_noise((256, 256), 60).convert("RGB").save(tmp_path / "picture.png")
    Image.linear_gradient("L").resize((256, 256)).save(tmp_path / "mask.png")
    given = {"{picture}": str(tmp_path / "picture.png"), "{mask}": str(tmp_path / "mask.png")}
    words = [given.get(word, word) for word in (COMMANDS | LONG_COMMANDS)[name]]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command([*words, f"--out={whole}"])  # which loads the models for the forks
    seconds = sum(json.loads(file.read_text())["timings"]["sample"] for file in whole.rglob("run.json"))
    for _ in range(20 if LONG else 2):
        process = forked([*words, f"--out={broken}"])
        while process.is_alive() and not (broken / "run.json").exists():
            time.sleep(0.02)
        time.sleep(rng.uniform(0, seconds))
        process.kill()
        process.join()
        for file in broken.rglob("*.png"):  # whatever is there is whole
            if not file.name.startswith("."):
                load_image(file)
    finish(start([*words, f"--out={broken}"]))  # in a process of its own, whose memory lies elsewhere
    assert pictures(broken) == pictures(whole) and len(pictures(whole)) > 0
    assert [p.name for p in broken.rglob(".*")] == []  # what a killed process left is gone


@pytest.mark.slow
def test_two_commands_in_one_folder_end_with_the_same_bits(tmp_path):
    words = COMMANDS["generate"]
    command([*words, f"--out={tmp_path / 'alone'}"])
    both = [forked([*words, f"--out={tmp_path / 'both'}"]) for _ in range(2)]
    for process in both:
        process.join(280)
    assert [process.exitcode for process in both] == [0, 0]
    assert pictures(tmp_path / "both") == pictures(tmp_path / "alone")


SMALL = ["generate", "a photo of a horse", "--steps=1", "--model=bundled-if", "--upscalers=none"]
PLACES: dict[str, dict[str, str | None]] = {
    "no home": {"HOME": None},
    "a home that is no folder": {"HOME": "/dev/null/x"},
    "ASCII": {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"},
    "Latin": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_an_unusual_environment_changes_nothing(place, tmp_path):
    finish(start([*SMALL, f"--out={tmp_path / 'é'}"], **PLACES[place]))
    assert len(pictures(tmp_path / "é")) == 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_costs_no_picture(tmp_path):
    command = [sys.executable, "-m", "synoptic", *SMALL, f"--out={tmp_path / 'out'}"]
    with open("/dev/full", "w") as full:
        environment = os.environ | {"PYTHONPATH": ROOT}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert "Traceback" not in done.stderr and len(pictures(tmp_path / "out")) == 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_error_stream_costs_nothing_at_all(tmp_path):
    command = [sys.executable, "-m", "synoptic", *SMALL, f"--out={tmp_path / 'out'}"]
    with open("/dev/full", "w") as full:
        environment = os.environ | {"PYTHONPATH": ROOT}
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, env=environment)
    assert done.returncode == 0 and "score" in done.stdout and len(pictures(tmp_path / "out")) == 1
    assert json.loads((tmp_path / "out/run.json").read_text())["state"] == "done"


@pytest.mark.slow
def test_a_reader_that_goes_away_costs_no_picture(tmp_path):
    process = start([*SMALL, f"--out={tmp_path / 'out'}"])
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=280)
    assert "Traceback" not in err and len(pictures(tmp_path / "out")) == 1


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_no_part(tmp_path):
    words = [*SMALL, f"--out={tmp_path / 'out'}"]
    limited = "\n".join(
        [
            "import resource, runpy, sys",
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))",
            f"sys.argv = {['synoptic', *words]!r}",
            "runpy.run_module('synoptic', run_name='__main__')",
        ]
    )
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr[-1500:]
    assert len([line for line in done.stderr.splitlines() if line.startswith("synoptic: ")]) == 1
    assert not [p for p in (tmp_path / "out").rglob("*") if p.suffix in (".png", ".part")]

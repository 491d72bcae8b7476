"""What a person reads from the first run to the last: what is kept, what to open, how it is resumed. Facts, not wording."""

from __future__ import annotations

import re
import signal
import sys
import time
from pathlib import Path

import pytest

from synoptic import cli
from tests.reliability.test_runs import start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DISTILL = ["distill", "a photo of a red mug"]
OBJECT = ["text-to-3d", "a red mug", "--steps=10", "--resolution=16", "--frames=4", "--preview-every=5"]


def transcript(words: list[str], interrupt: bool = False) -> tuple[int, str, str]:
    """Run a command, with Ctrl-C in mid-run if asked for; return its exit code, output and error stream."""
    process = start(words)
    if interrupt:
        state = Path(next(word.removeprefix("--out=") for word in words if word.startswith("--out="))) / "state.safetensors"
        before = state.stat().st_mtime_ns if state.exists() else 0
        while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns > before):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=800)
    return process.returncode, out, err.replace("\r", "\n")


def opened(err: str) -> Path:
    """Return the file that the last line says to open."""
    found = re.search(r"^open (\S.*)$", err, re.MULTILINE)
    assert found and Path(found[1]).is_file(), err
    return Path(found[1])


def test_a_first_run_and_the_same_again(tmp_path):
    words = ["generate", "a photo of a horse", "--model=bundled-if", "--upscalers=none", "--steps=3", f"--out={tmp_path}"]
    code, out, err = transcript(words)
    assert code == 0 and out.splitlines()[0].split("\t") == ["picture", "seed", "score"]
    assert opened(err).name == "a_photo_of_a_horse_0.png" and "for a picture of its prompt" in err and "kept" not in err
    code, again, err = transcript(words)
    assert code == 0 and again == out and "kept" in err and "--seed 1" in err
    assert opened(err).name == "a_photo_of_a_horse_0.png"


def test_ctrl_c_in_mid_run_and_the_resume(tmp_path):
    words = [*DISTILL, f"--out={tmp_path / 'stopped'}", "--steps=4000"]
    code, out, err = transcript(words, interrupt=True)
    assert code == 130 and out == "" and "Traceback" not in err
    assert "saved" in err and "resumes" in err.splitlines()[-1]
    code, _, err = transcript(words, interrupt=True)
    step = re.search(r"step (\d+) of 4000", err)
    assert code == 130 and step and int(step[1]) >= 1


def test_a_finished_object_is_described_and_opened(tmp_path, coarse_objects, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["synoptic", *OBJECT, f"--out={tmp_path}"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    out, err = capsys.readouterr()
    assert e.value.code == 1 and "fog" in err.splitlines()[-1]  # so few steps leave no object, and that is what it says
    assert opened(err).name == "turntable.html" and out.startswith("picture\tseed\topacity")
    assert "empty below" in err and "seen from the front" in err

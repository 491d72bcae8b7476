"""What goes wrong on the way: numbers that are none, words that are lost, an end from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

import synoptic
from synoptic.errors import InputError, NonFiniteError
from synoptic.models import pixel
from synoptic.models.truncation import lost_words
from synoptic.runs.errors import RunFailed
from tests.models.directories import copied

HORSE = "a photo of a horse"


@pytest.fixture
def breaks_on(monkeypatch):
    """Make the network of the pixel model answer NaN for the rows of noise with this first number."""

    def install(seed: int) -> None:
        marked = torch.randn((3, 64, 64), generator=torch.Generator().manual_seed(seed))[0, 0, 0].item()
        predict = pixel.PixelDenoiser.predict

        def broken(self, x, t, cond):
            p = predict(self, x, t, cond)
            bad = ((x[:, 0, 0, 0] - marked).abs() < 1e-6).view(-1, 1, 1, 1)
            return p._replace(x0=p.x0.masked_fill(bad, float("nan")))

        monkeypatch.setattr(pixel.PixelDenoiser, "predict", broken)

    return install


def test_what_is_not_finite_is_named_and_not_filed_while_the_others_go_on(tmp_path, breaks_on):
    breaks_on(1)
    how = {"model": "bundled-if", "upscalers": "none", "steps": 2, "dtype": "float32", "guidance_scale": 1.0}
    with pytest.raises(RunFailed) as e:
        synoptic.run("generate", HORSE, count=3, out=str(tmp_path), **how)
    assert "a_photo_of_a_horse_1.png: step 1 of 2 gave NaN" in str(e.value)
    assert sorted(p.name for p in tmp_path.glob("a_*.png")) == ["a_photo_of_a_horse_0.png", "a_photo_of_a_horse_2.png"]
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["state"] == "failed" and list(manifest["failed"]) == ["a_photo_of_a_horse_1.png"]
    assert [p["seed"] for p in manifest["pictures"]] == [0, 2]


def test_in_memory_it_is_an_error(pixel32, breaks_on):
    breaks_on(0)
    with pytest.raises(NonFiniteError, match="try dtype float32"):
        synoptic.generate(pixel32, HORSE, steps=2, upscalers="none", guidance_scale=1.0)


def test_a_schedule_that_contradicts_its_prediction_is_refused(tmp_path):
    model = copied(tmp_path / "sd")
    file = model / "scheduler/scheduler_config.json"
    changed = {"rescale_betas_zero_snr": True, "prediction_type": "epsilon"}
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    with pytest.raises(InputError) as e:
        synoptic.run("generate", HORSE, model=str(model), out=str(tmp_path / "out"))
    assert e.value.rule == "scheduler-zero-snr" and not (tmp_path / "out").exists()


def test_what_a_library_dislikes_names_the_component(tmp_path):
    model = copied(tmp_path / "sd")
    file = model / "vae/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"norm_num_groups": 7}))
    with pytest.raises(InputError) as e:
        synoptic.generate(str(model), HORSE, steps=1)
    assert e.value.rule == "component-unreadable" and "vae of" in str(e.value)


@pytest.mark.slow
def test_an_empty_prompt_is_unconditional_and_not_scored(tmp_path, capsys):
    run = synoptic.run("generate", "", model="bundled", steps=1, dtype="float32", out=str(tmp_path))
    assert run.pictures[0].score is None and "unconditional" in capsys.readouterr().err


def test_words_beyond_the_window_are_named(sd32, pixel32):
    long = HORSE + " and a dog" * 60 + " by a lake"
    for model in (sd32, pixel32):
        assert lost_words(model.text_encoder, long).endswith("by a lake")
        assert lost_words(model.text_encoder, HORSE) == ""
    with pytest.warns(UserWarning, match="by a lake"):
        synoptic.generate(sd32, long, steps=1)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_from_outside_says_what_is_kept(number, code, tmp_path):
    argv = [sys.executable, "-m", "synoptic", "wide", HORSE, "--steps", "900", "--out", str(tmp_path / "out")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(synoptic.__file__).parents[1])}
    heed = partial(signal.signal, number, signal.SIG_DFL)  # which the background of a shell may ignore
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heed)
    while not (tmp_path / "out/run.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code and "the same command resumes it" in err and "Traceback" not in err


TEXT = """
import os, signal, sys

def interrupt(event, arguments):  # Ctrl-C in the midst of an import, while text is executed: how a dataclass is made
    if event == "import" and arguments[0] == "torch":
        exec("os.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(99): pass")

sys.addaudithook(interrupt)
"""


def test_an_interrupt_while_text_is_executed_keeps_its_exit_code(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(TEXT)
    root = str(Path(synoptic.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    argv = [sys.executable, "-m", "synoptic", "generate", HORSE, "--out", str(tmp_path / "out")]
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    ended = subprocess.run(argv, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heed)
    assert ended.returncode == 130 and "Traceback" not in ended.stderr, ended.stderr

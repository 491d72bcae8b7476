"""Runs of distill: a killed one goes on to the bit, with its film; the command inside a picture makes it again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from synoptic import io
from synoptic.errors import InputError
from synoptic.runs.execute import run
from tests.processes import killed

DOG = "a photo of a dog"


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_bit_with_its_film(tmp_path):
    how: dict[str, Any] = {"model": "bundled-if", "loss": "vsd", "steps": 4, "lr": 0.3, "device": "cpu", "trace": True}
    folder = tmp_path / "killed"
    whole = run("distill", DOG, **how, save_every=3, out=tmp_path / "whole")  # which loads the model for the fork
    killed(lambda: run("distill", DOG, **how, out=folder), folder / "state.safetensors")
    assert (folder / "state.safetensors").exists() and not list(folder.glob("*_0.png"))
    again = run("distill", DOG, **how, save_every=3, out=folder)
    assert again.images[0].tobytes() == whole.images[0].tobytes()
    name = "a_photo_of_a_dog_0"
    films = {f"{name}.trace.{kind}" for kind in ("mp4", "gif", "html")}
    assert {file.name for file in whole.folder.iterdir()} == {*films, f"{name}.png", "run.json", "steps"}
    assert not (folder / "state.safetensors").exists() and (whole.folder / "steps" / name / "3.png").exists()
    pages = [(part.folder / f"{name}.trace.html").read_text() for part in (again, whole)]
    curves = [re.findall(r'points="([^"]+)"', page) for page in pages]
    assert curves[0] == curves[1] and [len(points.split()) for points in curves[0]] == [4, 4]
    rows = json.loads(re.search(r"const steps = (.+);", pages[0])[1])  # pyright: ignore[reportOptionalSubscript]
    assert rows[-1][0].startswith("step 4, gradient") and f"score {whole.pictures[0].score:.2f}" in rows[-1][0]


def test_a_state_of_an_older_version_is_refused_in_one_line(tmp_path):
    save_file({"i": torch.tensor(1)}, tmp_path / "state.safetensors", {"of": '["a_photo_of_a_dog_0.png"]'})
    with pytest.raises(InputError) as e:
        run("distill", DOG, model="bundled-if", steps=1, out=tmp_path)
    assert e.value.rule == "run-older-version" and "\n" not in str(e.value)


def test_an_edit_knows_how_it_was_made_and_is_not_made_again(tmp_path, blobs):
    file = tmp_path / "blob.png"
    io.save_image(file, blobs[0], {})
    how: dict[str, Any] = {"source": str(file), "source_prompt": "a photo of a car", "model": "bundled-if", "steps": 1}
    done = run("distill", DOG, **how, out=tmp_path / "out")
    picture = done.folder / done.pictures[0].file
    inside, before = io.read_settings(picture), picture.stat().st_mtime_ns
    assert inside["options"] == done.options.to_json() and inside["command"] == done.options.command()
    assert done.state == "done" and done.scores["clip_model"] == "bundled clip" and "source_sha256" in inside["options"]
    assert io.load_image(done.folder / "original.png").tobytes() == blobs[0].tobytes()
    run("distill", DOG, **how, out=tmp_path / "out")
    assert picture.stat().st_mtime_ns == before

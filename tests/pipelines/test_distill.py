"""`synoptic distill`: what it makes, what it remembers, and that a killed run goes on to the bit."""

from __future__ import annotations

import json
import re
import shlex
from inspect import signature
from typing import Any

import pytest
import torch

from synoptic import io
from synoptic.cli import app, spread
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.distill import LATENTS, settle
from synoptic.pipelines.distill import distill
from synoptic.runs.checkpoint import Checkpoint, Moment
from tests.processes import killed

DOG = "a photo of a dog"


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    """A picture of no particular size, larger than the model."""
    file = tmp_path_factory.mktemp("given") / "red.png"
    io.save_image(file, io.to_pil(torch.tensor([0.8, -0.6, -0.6]).view(1, 3, 1, 1).expand(1, 3, 130, 151))[0], {})
    return str(file)


def test_killed_and_started_again_it_is_the_same_to_the_bit(tmp_path, monkeypatch):
    how: dict[str, Any] = {"loss": "vsd", "steps": 5, "lr": 0.3, "device": "cpu"}
    (whole,), _ = distill(DOG, **how, out=str(tmp_path / "whole"))
    folder = tmp_path / "killed"
    killed(lambda: distill(DOG, **how, out=str(folder)), folder / "checkpoint.safetensors")
    assert (folder / "checkpoint.safetensors").exists() and not list(folder.glob("*_0.png"))
    watched, watch = [], Checkpoint.watch
    monkeypatch.setattr(Checkpoint, "watch", lambda *a: (watched.append(m.i) or m for m in watch(*a)))
    (again,), _ = distill(DOG, **how, out=str(folder))
    assert watched[0] > 0 and watched == list(range(watched[0], 5))  # it went on, and did not begin anew
    assert again.tobytes() == whole.tobytes()
    assert {file.name for file in folder.iterdir()} == {"a_photo_of_a_dog_0.png", "run.json"}


def test_moments_outlive_their_process(tmp_path):
    def moments():
        for i in range(6):
            yield Moment(i, torch.full((1, 1, 2, 2), float(i)), torch.tensor([10.0 + i])), lambda i=i: {"i": torch.tensor(i)}

    first = Checkpoint(tmp_path, ["a.png"], 6, films=3)
    first.due = 0.0
    watched = first.watch(moments(), lambda x: io.to_pil(x.expand(1, 3, 2, 2))[0])
    for _ in range(4):
        next(watched)
        first.due = 0.0
    next(watched)
    second = Checkpoint(tmp_path, ["a.png"], 6, films=3)
    state = second.state()
    assert state is not None and state.keys() == {"i"} and state["i"] == 4
    past = list(second.past(torch.zeros(1, 1, 2, 2)))
    assert [m.i for m in past] == [0, 1, 2, 3, 4] and [m.norm.item() for m in past] == [10, 11, 12, 13, 14]
    assert [m.x.mean().item() for m in past] == [0, 0, 2, 2, 4]
    assert (tmp_path / "preview.png").exists() and Checkpoint(tmp_path, ["b.png"], 6).state() is None


def test_a_picture_knows_how_it_was_made_and_its_command_makes_it_again(tmp_path, red, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    edit: dict[str, Any] = {"source": red, "source_prompt": "a photo of a red car", "steps": 2, "size": 140}
    asked: list[tuple[list[str], dict[str, Any]]] = [([DOG, "a lemon"], {"steps": 2}), (["a blue car"], edit)]
    for prompt, how in asked:
        run = distill(prompt, **how).run
        assert run.state == "done" and run.scores["judge"] == "bundled clip"
        file = run.folder / run.pictures[0].file
        inside, before = io.read_settings(file), file.stat().st_mtime_ns
        assert inside["settings"] == run.settings and inside["prompt"] == prompt[0] and inside["command"] == run.command
        app(spread(shlex.split(run.command)[1:]), standalone_mode=False)
        assert str(file) in capsys.readouterr().out and file.stat().st_mtime_ns == before
        assert io.load_image(file).size == ((128, 128) if len(prompt) == 2 else (163, 140))


def test_a_film_shows_the_way_and_the_page_every_step(tmp_path):
    run = distill(DOG, steps=5, lr=0.3, trace=True, out=str(tmp_path)).run
    stem = run.pictures[0].file.removesuffix(".png")
    assert all((tmp_path / f"{stem}.trace.{kind}").stat().st_size > 1000 for kind in ("mp4", "gif"))
    page = (tmp_path / f"{stem}.trace.html").read_text()
    norms, scores = (points.split() for points in re.findall(r'points="([^"]+)"', page))
    assert len(norms) == len(scores) == 5 and "http" not in page
    rows = json.loads(re.search(r"const steps = (.+);", page)[1])  # pyright: ignore[reportOptionalSubscript]
    assert rows[-1][0].startswith("step 5, gradient") and f"score {run.pictures[0].score:.2f}" in rows[-1][0]


def test_canvases_pixels_and_beginnings(tmp_path, red):
    how: dict[str, Any] = {"steps": 2, "lr": 0.1}
    (wide,), _ = distill(DOG, width=160, **how, out=str(tmp_path / "wide"))
    assert wide.size == (160, 128)
    (small,), run = distill(DOG, model="bundled-if", width=80, **how, out=str(tmp_path / "if"))
    assert small.size == (80, 64) and run.settings["space"] == "pixels"
    (near,), run = distill(DOG, space="pixels", init=red, **how, out=str(tmp_path / "pixels"))
    assert run.settings["dtype"] == "float32"
    colour = io.from_pil(near).mean((0, 2, 3))
    assert (colour - torch.tensor([0.8, -0.6, -0.6])).abs().max() < 0.15
    _, run = distill(DOG, init="sketch", steps=1, lr=0.0, out=str(tmp_path / "sketch"))
    assert run.pictures[0].score is not None and run.pictures[0].score > 0.4


@pytest.mark.parametrize("loss", [loss for loss in LATENTS if loss not in ("pds", "dds", "vsd")])
def test_every_loss_moves_the_picture_and_perp_neg_changes_its_way(loss, tmp_path):
    ends = []
    for k, perp in enumerate((False, True)):
        how: dict[str, Any] = {"loss": loss, "negative": "a photo of a cat", "perp_neg": perp, "warm_up": 0}
        (image,), _ = distill(DOG, steps=1, lr=0.5, model="bundled-if", **how, out=str(tmp_path / str(k)))
        ends.append(io.from_pil(image))
    assert (ends[0] - ends[1]).abs().max() > 0.01


WRONG = {
    "--loss pds": "--source",
    "--loss vsd --source {red} --source-prompt x": "use --loss pds",
    "--source {red}": "--source-prompt",
    "--source-prompt x": "leave them away",
    "--source {red} --source-prompt x --width 256": "--size",
    "--source {red} --source-prompt x --weight variance": "--weight is of sds",
    "--source /no/file.png --source-prompt x": "a picture's file is needed",
    "--loss sdi --weight one": "--weight is of sds",
    "--perp-neg": "--negative",
    "--init nowhere.png": "--init must be noise",
    "--width 100": "at least 128",
    "--height 130": "multiple of 4",
    "--model bundled-if --space latent": "latent model",
    "--steps 0": "--steps must be at least 1",
    "--t-min 700 --t-max 300": "--t-min must be at most 300",
    "--t-max 1000": "--t-max must be at most 999",
    "--steps 4 --warm-up 6": "--warm-up",
    "--stride 0": "--stride must be at least 1",
    "--horizon 0.5": "--horizon must be at least 1",
    "--horizon inf": "--horizon must be at most 1000",
    "--steps 4 --horizon 1 --warm-up 4": "--warm-up",
    "--loss vsd --student-steps 0": "--student-steps must be at least 1",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_loaded(words, red, tmp_path):
    argv = ["distill", DOG, *words.format(red=red).split(), "--out", str(tmp_path / "out")]
    with pytest.raises(InputError) as e:
        app(spread(argv), standalone_mode=False)
    assert WRONG[words] in str(e.value) and "\n" not in str(e.value)
    assert not (tmp_path / "out").exists()


def test_the_course_s_numbers_hold_for_latent_models(tmp_path, monkeypatch):
    other = tmp_path / "sd"
    other.symlink_to(resolve("bundled").path_or_repo)  # the same files, elsewhere: no longer the bundled model
    monkeypatch.setattr("synoptic.models.registry.BUNDLED_DIR", tmp_path / "nowhere")
    asked = {name: p.default for name, p in signature(distill).parameters.items()} | {"prompt": DOG, "model": str(other)}
    for loss, guidance in {"sds": 25, "vsd": 7.5, "nfsd": 7.5}.items():
        s = settle(asked | {"loss": loss})[1]
        assert (s["guidance"], s["lr"], s["warm_up"], s["t_min"], s["t_max"]) == (guidance, 0.1, 100, 20, 980)
        assert (s["horizon"], s["student_lr"], s["student_steps"], s["init"]) == (1.5, 1e-4, 1, "noise")


def test_a_short_horizon_slows_the_end_and_a_student_may_take_more_steps(tmp_path):
    ways: list[dict[str, Any]] = [{"horizon": 1.0}, {"horizon": 3.0}, {"horizon": 3.0, "student_steps": 2}]
    ends = []
    for k, more in enumerate(ways):
        how: dict[str, Any] = {"loss": "vsd", "steps": 2, "warm_up": 0, "lr": 0.5, "student_lr": 1e-2, "guidance": 1}
        (image,), _ = distill(DOG, model="bundled-if", **how, **more, out=str(tmp_path / str(k)))
        ends.append(io.from_pil(image))
    assert (ends[0] - ends[1]).abs().max() > 0.01
    assert (ends[2] - ends[1]).abs().max() > 0.01

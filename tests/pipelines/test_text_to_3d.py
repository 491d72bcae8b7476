"""`synoptic dream`: what it grows and leaves behind, that the best start goes on, and that a killed one does to the bit."""

from __future__ import annotations

import json
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import synoptic
from synoptic import cli, io
from synoptic.mesh.marching_cubes import extract_mesh
from synoptic.metrics.clip import Clip
from synoptic.models.base import Denoiser
from synoptic.models.registry import resolve
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.serialization import load_scene
from synoptic.options.text_to_3d import OWN, PIXELS, OptimizationFailed, phrase, settle, usual
from synoptic.pipelines.text_to_3d_loss import framed, planted, rate
from synoptic.pipelines.text_to_3d_starts import Dream, Grown, best, grow, remembered
from tests.processes import killed

MUG = "a red mug"
PLAIN: dict[str, Any] = dict.fromkeys(["steps", "guidance", "lr", "t_min", "t_max", "perp_neg", "view_guidance"])
PLAIN |= {"loss": "sds", "resolution": 16, "student_lr": 1e-4, "anneal": "auto", "encoding": "hash", "batch": 1}
PLAIN |= {"negative": "", "seeds": 1, "seed": 0, "every": 100, "judge": "auto", "frames": 2, "model": "bundled-if"}
PLAIN |= {"device": "cpu", "dtype": "float32", "compile": False, "between": "auto"}


@pytest.fixture(scope="module")
def judge() -> Clip:
    return Clip("bundled", "cpu")


def dreamt(m: Denoiser, judge: Clip, folder: Path, **how: Any) -> Dream:
    source, settings = settle({"prompt": MUG} | PLAIN | how)
    return Dream(settings, usual(source), m, judge, MUG, phrase(source), folder, lambda: None)


def same(a: Grown, b: Grown) -> bool:
    one, other = a.scene.state_dict(), b.scene.state_dict()
    return all(torch.equal(one[name], other[name]) for name in one) and a.past == b.past


@pytest.mark.parametrize(
    "how",
    [
        {"loss": "vsd", "batch": 2, "anneal": "narrow"},
        {"loss": "csd", "negative": "blurred", "perp_neg": True, "anneal": "none", "view_guidance": 1.0, "between": "mixed"},
        {"encoding": "waves", "negative": "blurred", "resolution": 80},
    ],
    ids=str,
)
def test_every_way_to_grow_moves_the_field_and_leaves_the_model_as_it_was(how, pixel32, judge, tmp_path):
    x, t = torch.randn(1, *pixel32.shape, generator=torch.Generator().manual_seed(0)), 500
    before = pixel32.predict(x, t, pixel32.embed([MUG])).eps
    dream = dreamt(pixel32, judge, tmp_path, steps=1, **how)
    blob = planted(dream.settings, dream.usual, torch.Generator().manual_seed(0)).render_views(turntable_cameras(1), 16)
    found = grow(dream, 0, 1)
    assert (found.scene.render_views(turntable_cameras(1), 16).color - blob.color).abs().max() > 1e-3
    assert [h.step for h in found.past] == [1] and found.past[0].finite and (tmp_path / "preview.png").exists()
    assert torch.equal(pixel32.predict(x, t, pixel32.embed([MUG])).eps, before)


def test_a_latent_model_sees_renders_through_its_encoder(sd32, judge, tmp_path):
    found = grow(dreamt(sd32, judge, tmp_path, model="bundled", steps=1), 0, 1)
    assert found.past[0].finite
    for side in (32, 64, 200):
        image = torch.zeros(1, 3, side, side)
        assert torch.allclose(framed(sd32)(image), sd32.encode(torch.zeros(1, 3, 128, 128)), atol=1e-5)


def test_the_best_start_goes_on_as_if_it_had_been_the_only_one(pixel32, judge, tmp_path, monkeypatch):
    how: dict[str, Any] = {"steps": 5, "every": 3, "seed": 3}
    found, scores = best(dreamt(pixel32, judge, tmp_path / "two", seeds=2, **how))
    assert scores.keys() == {3, 4} and found.seed == max(scores, key=lambda seed: scores[seed])
    alone = grow(dreamt(pixel32, judge, tmp_path / "one", **how), found.seed, 5)
    assert all(torch.equal(a, b) for a, b in zip(found.scene.parameters(), alone.scene.parameters(), strict=True))
    assert [h.step for h in found.past] == [1, 3, 5] and found.past[1:] == alone.past
    other = 7 - found.seed
    assert [h.step for h in remembered(tmp_path / f"two/start_{other}/health.json")] == [1]
    ticks: list[int] = []
    again, told = best(dreamt(pixel32, judge, tmp_path / "two", seeds=2, **how)._replace(tick=lambda: ticks.append(1)))
    assert same(found, again) and told == scores and len(ticks) == 6  # nothing is done again, and all of it is counted


def test_killed_and_started_again_it_is_the_same_to_the_bit(pixel32, judge, tmp_path):
    how: dict[str, Any] = {"steps": 3, "every": 2, "perp_neg": True}
    state = tmp_path / "killed/start_0/state.safetensors"
    killed(lambda: grow(dreamt(pixel32, judge, tmp_path / "killed", **how), 0, 3), state)
    ticks: list[int] = []
    again = grow(dreamt(pixel32, judge, tmp_path / "killed", **how)._replace(tick=lambda: ticks.append(1)), 0, 3)
    whole = grow(dreamt(pixel32, judge, tmp_path / "whole", **how), 0, 3)
    assert same(whole, again) and len(ticks) == 3 and [h.step for h in again.past] == [2, 3]
    names = [tmp_path / side / "start_0/state.safetensors" for side in ("killed", "whole")]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_what_is_left_in_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("synoptic.mesh.export_bundle.extract_mesh", partial(extract_mesh, grid=48, texture=64, views=2))
    (sheet,), run = synoptic.dream(MUG, steps=2, frames=2, seed=4)
    folder = run.folder / "a_red_mug_4"
    assert run.state == "done" and run.scores["judge"] == "bundled clip-grayscale" and run.pictures[0].score is not None
    left = {file.name for file in folder.iterdir()}
    assert left >= {"field.safetensors", "health.json", "turntable.gif", "turntable.html", "report.json", "mesh.glb"}
    assert not [name for name in left if name.startswith(("start", "preview"))]
    inside = io.read_settings(run.folder / run.pictures[0].file)
    assert inside["command"] == run.command and inside["settings"] == run.settings and sheet.width == 9 * 136 + 8
    report = json.loads((folder / "report.json").read_text())
    assert report["judges"]["bundled clip"]["of"] == 15 * 14
    scene = load_scene(folder / "field.safetensors")
    assert scene.samples == 64 and float(scene.render_views(turntable_cameras(1), 16).opacity.max()) > 0.5
    with pytest.raises(ValueError, match=r"choose a field\.safetensors"):
        load_scene(Path(str(resolve("bundled-if").pretrained_path)) / "unet/diffusion_pytorch_model.safetensors")
    before = (folder / "field.safetensors").stat().st_mtime_ns
    monkeypatch.setattr(sys, "argv", shlex.split(run.command))
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0 and "a_red_mug_4.png" in capsys.readouterr().out
    assert (folder / "field.safetensors").stat().st_mtime_ns == before


def test_who_stopped_does_not_go_on(pixel32, judge, tmp_path):
    dream = dreamt(pixel32, judge, tmp_path, steps=9, every=1, lr=1e30)
    first, again = (len(grow(dream, 0, 9).past) for _ in range(2))
    assert first == again < 9


def test_what_does_not_grow_well_stops_is_saved_and_says_why(tmp_path, monkeypatch, capsys):
    how: dict[str, Any] = {"steps": 9, "every": 1, "lr": 1e30, "frames": 2, "out": str(tmp_path)}
    with pytest.raises(OptimizationFailed, match=r"the field (holds numbers that are none|is empty)") as told:
        synoptic.dream(MUG, **how)
    run = told.value.result.run
    assert run.state.startswith("unwell: a red mug: the field ") and len(told.value.result.images) == 1
    assert json.loads((tmp_path / "run.json").read_text())["state"] == run.state
    assert len(remembered(tmp_path / "a_red_mug_0/health.json")) < 9
    monkeypatch.setattr(sys, "argv", [*shlex.split(run.command), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 1 and run.state.removeprefix("unwell: ") in capsys.readouterr().err


def test_defaults_are_the_model_s_own():
    source, settings = settle({"prompt": MUG} | PLAIN)
    own = OWN["if"]
    assert settings["guidance"] == own.guidance["sds"] and settings["steps"] == own.steps and usual(source) is own
    assert settle({"prompt": MUG} | PLAIN | {"loss": "vsd", "dtype": "auto"})[1]["dtype"] == "float32"
    assert phrase(source).format(MUG, "side") == "a 3d render of a red mug, side view on a white background"
    assert settings["view_guidance"] == own.view_guidance and PIXELS.steps == 10_000
    falls = [rate(1.0, 100)(i) for i in (0, 49, 50, 99)]
    assert falls[0] < 0.03 and falls[1] > falls[2] > falls[3] > 0.2


def test_bad_input_is_answered_before_torch(ask, tmp_path):
    questions = {
        (): "prompt",
        ("",): "a thing is needed",
        ("x", "--steps", "0"): "--steps must be at least 1",
        ("x", "--loss", "pds"): "pds",
        ("x", "--resolution", "8"): "--resolution must be at least 16",
        ("x", "--resolution", "1024"): "--resolution must be at most 512",
        ("x", "--t-min", "900", "--t-max", "800"): "--t-min must be at most 800",
        ("x", "--t-max", "1000"): "--t-max must be at most 999",
        ("x", "--guidance", "-1"): "--guidance must be at least 0",
        ("x", "--view-guidance", "-1"): "--view-guidance must be at least 0",
        ("x", "--seeds", "0"): "--seeds must be at least 1",
        ("x", "--seeds", "2", "--steps", "4"): "4 were given: raise them",
        ("x", "--every", "0"): "--every must be at least 1",
        ("x", "--batch", "0"): "--batch must be at least 1",
        ("x", "--frames", "0"): "--frames must be at least 1",
        ("x", "--encoding", "grid"): "grid",
        ("x", "--judge", "nix"): "a model is one of",
        ("x", "--compile", "--loss", "vsd"): "--loss vsd trains a second inside it: leave one away",
        ("x", "--model", "bundled-if-ii"): "enlarges a small picture",
    }
    for (code, said, torched), (argv, expected) in zip(
        ask([["dream", *argv, "--out", str(tmp_path / "run")] for argv in questions]), questions.items(), strict=True
    ):
        assert code == 2 and expected in said and said.count("\n") == 1 and not torched, (argv, said)


def test_help_teaches(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["synoptic", "dream", "--help"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    text = capsys.readouterr().out
    assert e.value.code == 0 and "synoptic dream" in text and "--perp-neg" in text and "--seeds" in text

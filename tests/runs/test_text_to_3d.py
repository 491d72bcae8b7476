"""Runs of text-to-3d: the folder, exit codes, kills, and files of an older version."""

from __future__ import annotations

import json
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from synoptic import cli, io
from synoptic.errors import InputError
from synoptic.mesh.gltf_container import read_container
from synoptic.models.registry import resolve
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.serialization import load_scene
from synoptic.options.texture import TextureOptions
from synoptic.runs.errors import OptimizationFailed
from synoptic.runs.execute import run
from tests.processes import killed

MUG = "a red mug"
QUICK: dict[str, Any] = {"resolution": 16, "frames": 2, "device": "cpu", "dtype": "float32"}


@pytest.fixture
def without_export(monkeypatch):
    """Leave out films and meshes, which take most of the time."""

    def export(scene: object, folder: Path, prompt: str, **how: Any) -> None:
        (folder / "report.json").write_text(json.dumps({"prompt": prompt}))

    monkeypatch.setattr("synoptic.pipelines.text_to_3d.export_bundle", export)


def exit_code(command: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as e:
        cli.main()
    return e.value.code


@pytest.mark.slow
def test_the_folder_holds_all_of_it_and_is_not_made_again(tmp_path, monkeypatch, capsys, coarse_objects):
    monkeypatch.chdir(tmp_path)
    done = run("text_to_3d", MUG, steps=2, seed=4, **QUICK)
    folder = done.folder / "a_red_mug_4"
    assert done.state == "done" and done.scores["clip_model"] == "bundled clip-grayscale"
    assert done.pictures[0].score is not None and done.pictures[0].figures.keys() == {"opacity", "entropy", "score"}
    names = {file.name for file in folder.iterdir()}
    assert names >= {"field.safetensors", "diagnostics.json", "turntable.gif", "turntable.html", "report.json", "mesh.glb"}
    assert {file.name for file in done.folder.iterdir()} == {"a_red_mug_4", "a_red_mug_4.png", "run.json"}
    inside = io.read_settings(done.folder / done.pictures[0].file)
    assert inside["command"] == done.options.command() and done.images[0].width == 9 * 136 + 8
    assert json.loads((folder / "report.json").read_text())["clip_models"]["bundled clip"]["of"] == 15 * 14
    scene = load_scene(folder / "field.safetensors")
    assert scene.samples == 64 and float(scene.render_views(turntable_cameras(1), 16).opacity.max()) > 0.5
    before = (folder / "field.safetensors").stat().st_mtime_ns
    assert exit_code(done.options.command(), monkeypatch) == 0
    out, err = capsys.readouterr()
    assert "a_red_mug_4.png" in out and "kept" in err and err.endswith("a_red_mug_4/turntable.html\n")
    assert (folder / "field.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_mesh_is_painted_anew_where_it_is_asked_for(tmp_path, monkeypatch, coarse_objects):
    """The same places and texture coordinates, another texture, by the model of pictures; and not painted again."""
    quick = partial(TextureOptions.from_arguments, steps=1, num_views=2, texture_size=64, pixels_from=1.0)
    monkeypatch.setattr(TextureOptions, "from_arguments", quick)
    how: dict[str, Any] = {"steps": 2, "retexture": True, "out": tmp_path, **QUICK}
    done = run("text_to_3d", MUG, **how)
    folder = done.folder / "a_red_mug_0"
    assert "--retexture" in done.options.command() and (folder / "painted.html").read_text().startswith("<!")
    (before, own), (after, painted) = (read_container(folder / f"{name}.glb") for name in ("mesh", "painted"))
    assert after["accessors"] == before["accessors"] and painted.startswith(own) and len(painted) > len(own)
    about = json.loads((folder / "painted.json").read_text())
    assert about["command"].startswith("synoptic texture ") and 0 < about["figures"]["texels_seen"] <= 1
    written = (folder / "painted.glb").stat().st_mtime_ns
    run("text_to_3d", MUG, **how)
    assert (folder / "painted.glb").stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_bit_and_says_so(tmp_path, without_export, capfd):
    how: dict[str, Any] = {"steps": 3, "preview_every": 3, **QUICK}
    folder = tmp_path / "killed"
    whole = run("text_to_3d", MUG, **how, out=tmp_path / "whole")  # which loads the model for the fork
    killed(lambda: run("text_to_3d", MUG, **how, out=folder), folder / "state.safetensors")
    assert (folder / "state.safetensors").exists() and not list(folder.glob("*_0.png"))
    capfd.readouterr()
    again = run("text_to_3d", MUG, **how, out=folder)
    assert "of 3\n" in capfd.readouterr().err.partition("resumed after step ")[2][:8]
    assert again.images[0].tobytes() == whole.images[0].tobytes() and not (folder / "preview.png").exists()
    one, other = (load_file(part.folder / "a_red_mug_0/field.safetensors") for part in (again, whole))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_one_that_comes_to_nothing_is_saved_and_says_why(tmp_path, monkeypatch, capsys, without_export):
    how: dict[str, Any] = {"steps": 9, "preview_every": 1, "lr": 1e18, "out": tmp_path, **QUICK}
    with pytest.raises(OptimizationFailed, match=r"the field (holds numbers that are not finite|is empty)") as failed:
        run("text_to_3d", MUG, **how)
    done: Any = failed.value.result
    assert done.state.startswith("failed: a red mug: the field ") and len(done.images) == 1
    assert json.loads((tmp_path / "run.json").read_text())["state"] == done.state
    assert exit_code(done.options.command(), monkeypatch) == 1
    assert done.state.removeprefix("failed: ") in capsys.readouterr().err


@pytest.mark.slow
def test_files_of_an_older_version_are_refused_in_one_line(tmp_path, without_export):
    done = run("text_to_3d", MUG, steps=1, **QUICK, out=tmp_path / "now")
    field = done.folder / "a_red_mug_0/field.safetensors"
    old = tmp_path / "old/a_red_mug_0/field.safetensors"
    old.parent.mkdir(parents=True)
    save_file(load_file(field), old, {"born": "{}"})
    for call in (lambda: load_scene(old), lambda: run("text_to_3d", MUG, steps=1, **QUICK, out=tmp_path / "old")):
        with pytest.raises(InputError) as e:
            call()
        assert e.value.rule == "run-older-version" and "\n" not in str(e.value)
    other = resolve("bundled-if").snapshot / "unet/diffusion_pytorch_model.safetensors"
    with pytest.raises(InputError) as e:
        load_scene(other)
    assert e.value.rule == "scene-file"


def test_a_wrong_option_is_answered_before_torch(ask, tmp_path):
    asked = [["text-to-3d", *words, "--out", str(tmp_path / "run")] for words in (("x", "--steps", "0"), ("",), ())]
    for code, text, torch_was_imported in ask(asked):
        assert code == 2 and text.count("\n") == 1 and not torch_was_imported, text

"""Runs: folder, manifest, exact resume, what is kept, and the command that gives the same picture again."""

from __future__ import annotations

import json
import shlex
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import synoptic
from synoptic import cli, io
from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.runs import execute
from synoptic.runs.closing import main_file
from synoptic.runs.tasks import Task
from tests.labels import label

QUICK: dict[str, Any] = {"steps": 2, "dtype": "float32", "device": "cpu"}
HORSE = "a photo of a horse"


def rerun(command: str, out: Path, monkeypatch) -> None:
    program, application, *words = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [program, application, "--out", str(out), *words])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0


def test_a_picture_carries_its_options_and_the_manifest_has_all(tmp_path):
    run = synoptic.run("wide", "a photo of snowy mountains", width=320, seed=3, out=str(tmp_path), **QUICK)
    (picture,) = run.pictures
    assert picture.file == "a_photo_of_snowy_mountains_3.png" and run.images[0].size == (320, 256)
    inside = io.read_settings(tmp_path / picture.file)
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert inside["prompt"] == "a photo of snowy mountains" and inside["seed"] == 3
    assert inside["options"] == manifest["options"] and inside["command"] == manifest["command"]
    assert manifest["options"]["stride"] == 8 and manifest["options"]["space"] == "canonical", "what was resolved"
    assert manifest["application"] == "wide" and manifest["state"] == "done"
    assert manifest["model"]["revision"].startswith("sha256:") and manifest["model"]["dtype"] == "float32"
    assert manifest["scores"]["clip_model"] == "bundled clip" and -1 <= manifest["scores"]["clip_score"] <= 1
    assert {"load", "sample", "score"} <= set(manifest["timings"]) and manifest["versions"]["torch"]
    assert "data:image" in run._repr_html_() and str(tmp_path) in str(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "prompts", "options"),
    [
        ("wide", ["a photo of the sea"], {"width": 288, "negative_prompt": "it's", "circular": True}),
        ("generate", ["-a photo, of a horse", "a dog"], {"model": "bundled"}),
        (
            "anagram",
            [HORSE, "a dog"],
            {"views": ("flip", "jigsaw"), "weights": (2, 1), "model": "bundled-if", "upscalers": "none"},
        ),
        ("anagram", [HORSE, "a dog"], {"vae_residual": False}),
        ("hybrid", [HORSE, "a dog"], {"kind": "color", "style": "an oil painting of", "upscalers": "none"}),
    ],
    ids=label,
)
def test_the_recorded_command_gives_the_same_picture(application, prompts, options, tmp_path, monkeypatch):
    first = synoptic.run(application, *prompts, out=str(tmp_path / "a"), **QUICK, **options)
    rerun(first.options.command(), tmp_path / "b", monkeypatch)
    for picture, image in zip(first.pictures, first.images, strict=True):
        assert io.load_image(tmp_path / "b" / picture.file).tobytes() == image.tobytes()


@pytest.mark.slow
def test_a_folder_of_its_own_for_other_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a, b, again = (synoptic.run("generate", HORSE, model="bundled", seed=seed, **QUICK) for seed in (0, 1, 0))
    assert a.folder != b.folder and again.folder == a.folder
    assert "sample" not in again.timings, "what is there is not made again"


def test_a_missing_option_has_its_default_and_another_run_is_refused(tmp_path):
    first = synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK)
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["options"].pop("sampler") == "ddim"
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    again = synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK)
    assert "sample" not in again.timings and again.images == first.images
    for other in ({"sampler": "dpm++"}, {"seed": 5}):
        with pytest.raises(InputError) as e:
            synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK, **other)
        assert e.value.rule == "run-differs" and next(iter(other)) in str(e.value)
    with pytest.raises(InputError) as e:
        synoptic.run("wide", HORSE, out=str(tmp_path), **QUICK)
    assert e.value.rule == "run-differs"


def test_pictures_by_another_revision_of_the_model_are_another_run(tmp_path):
    synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK)
    manifest = json.loads((tmp_path / "run.json").read_text())
    now, manifest["model"]["revision"] = manifest["model"]["revision"], "0" * 40
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"revision of what is given \(the model bundled\): choose another out") as e:
        synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK)
    assert e.value.rule == "run-differs" and json.loads((tmp_path / "run.json").read_text()) == manifest
    for picture in manifest["pictures"]:
        (tmp_path / picture["file"]).unlink()
    begun = synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK)
    assert begun.model["revision"] == now, "nothing was there of the other one"


@pytest.mark.parametrize(
    ("application", "part", "options"),
    [
        ("generate", "vae", {"vae": str(BUNDLED_DIR / "sd" / "vae")}),
        ("control", "controlnet", {"image": Image.new("RGB", (64, 64), "white")}),
        ("control", "depth", {"image": Image.new("RGB", (64, 64), "white"), "condition": "depth"}),
        ("generate", "upscalers", {"model": "bundled-if", "upscaler_steps": 1}),
    ],
    ids=label,
)
def test_pictures_by_another_revision_of_a_part_are_another_run(application, part, options, tmp_path):
    asked = {"prompt": HORSE, "model": "bundled", "out": str(tmp_path)} | options | QUICK
    synoptic.run(application, **asked)
    manifest = json.loads((tmp_path / "run.json").read_text())
    name, revision = manifest["model"][part].split()
    assert revision.startswith("sha256:")
    manifest["model"][part] = f"{name} {'0' * 40}"
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=rf"another revision of what is given \({part} {name} 0000") as e:
        synoptic.run(application, **asked)
    assert e.value.rule == "run-differs"


def test_a_run_of_an_older_version_is_not_resumed_and_says_so(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"recipe": "generate", "settings": {}, "state": "done"}))
    with pytest.raises(InputError) as e:
        synoptic.run("generate", HORSE, model="bundled", out=str(tmp_path), **QUICK)
    assert e.value.rule == "run-older-version"


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2, 16], ids=["picture by picture", "one batch"])
def test_a_stopped_run_goes_on_to_the_same_result(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "max_batch_rows", lambda *_: rows)
    whole = synoptic.run("generate", HORSE, model="bundled", count=3, out=str(tmp_path / "whole"), **QUICK)
    save, saved = Task.save, []

    def stop_after_two(*arguments: Any) -> None:
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(save(*arguments))

    with monkeypatch.context() as m:
        m.setattr(Task, "save", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            synoptic.run("generate", HORSE, model="bundled", count=3, out=str(tmp_path / "stopped"), **QUICK)
    assert len(list((tmp_path / "stopped").glob("*.png"))) == 2
    assert json.loads((tmp_path / "stopped/run.json").read_text())["state"] == "running"
    resumed = synoptic.run("generate", HORSE, model="bundled", count=3, out=str(tmp_path / "stopped"), **QUICK)
    assert [i.tobytes() for i in resumed.images] == [i.tobytes() for i in whole.images]
    assert [p.score for p in resumed.pictures] == [p.score for p in whole.pictures]


@pytest.mark.slow
def test_a_stopped_anagram_keeps_only_whole_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "max_batch_rows", lambda *_: 4)
    how: dict[str, Any] = QUICK | {"model": "bundled-if", "count": 2, "upscalers": "none"}
    pair = (HORSE, "a photo of a dog")
    whole = synoptic.run("anagram", *pair, out=str(tmp_path / "whole"), **how)
    save = io.save_image

    def stop_at_the_second(path: Path, *rest: Any) -> None:
        if path.name.endswith("_1.png"):
            raise KeyboardInterrupt
        save(path, *rest)

    with monkeypatch.context() as m:
        m.setattr(io, "save_image", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            synoptic.run("anagram", *pair, out=str(tmp_path / "stopped"), **how)
    again = synoptic.run("anagram", *pair, out=str(tmp_path / "stopped"), **how)
    assert [i.tobytes() for i in again.images] == [i.tobytes() for i in whole.images]


@pytest.mark.slow
def test_the_search_keeps_the_best_seeds_and_is_not_done_twice(tmp_path, monkeypatch):
    how: dict[str, Any] = QUICK | {"model": "bundled-if", "upscalers": "none", "seed_search": 3, "count": 2, "seed": 3}
    pair = (HORSE, "a photo of a dog")
    found = synoptic.run("anagram", *pair, out=str(tmp_path), **how)
    record = json.loads((tmp_path / "search.json").read_text())
    assert "grayscale" in record["clip_model"] and sorted(record["rounds"][0]["seeds"]) == [3, 4, 5]
    assert [p.seed for p in found.pictures] == record["rounds"][-1]["seeds"][:2]
    monkeypatch.setattr("synoptic.pipelines.joint.seed_search", None)
    again = synoptic.run("anagram", *pair, out=str(tmp_path), **how)
    assert [p.file for p in again.pictures] == [p.file for p in found.pictures] and "sample" not in again.timings


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:sync='eps' never reconciles")
def test_variants_lie_in_folders_of_their_own_and_are_compared(tmp_path):
    how: dict[str, Any] = QUICK | {"steps": 1, "upscalers": "none"}
    run = synoptic.run("compare_sync", HORSE, "a photo of a dog", out=str(tmp_path), **how)
    names = [f"{space}-{sync}" for space in ("instance", "canonical") for sync in ("eps", "x0", "xt")]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == sorted(names)
    header, *lines = (tmp_path / "compare_sync.tsv").read_text().splitlines()
    assert header.split("\t")[:3] == ["space", "sync", "alignment"] and len(lines) == 6
    assert str(run).endswith("compare_sync.png")
    noises = [json.loads((tmp_path / name / "run.json").read_text())["options"]["init_noise"] for name in names]
    assert noises == ["independent"] * 3 + ["shared"] * 3


@pytest.mark.slow
def test_films_are_made_once(tmp_path):
    pytest.importorskip("av")
    how: dict[str, Any] = QUICK | {"model": "bundled-if", "upscalers": "none", "animate": True}
    run = synoptic.run("anagram", HORSE, "a photo of a dog", out=str(tmp_path), **how)
    films = [(tmp_path / run.pictures[0].file).with_suffix(end) for end in (".mp4", ".gif")]
    before = [(film.stat().st_mtime_ns, film.stat().st_size) for film in films]
    assert all(size > 1000 for _, size in before) and main_file(run) == films[1]
    synoptic.run("anagram", HORSE, "a photo of a dog", out=str(tmp_path), **how)
    assert [(film.stat().st_mtime_ns, film.stat().st_size) for film in films] == before


@pytest.mark.slow
def test_a_word_the_model_never_saw_and_a_view_that_cannot_work_are_warned_of(tmp_path, capsys):
    how: dict[str, Any] = QUICK | {"views": ("identity", "fails_blur"), "view_space": "latents", "steps": 1}
    synoptic.run("anagram", "a gothic horse", "a dog", out=str(tmp_path), **how)
    err = capsys.readouterr().err
    assert "never saw: gothic" in err and "warning: fails_blur cannot work" in err


def test_errors_in_python_have_pythons_names():
    with pytest.raises(InputError) as e:
        synoptic.run("generate", HORSE, model="bundled", guidance_scale=-1)
    assert str(e.value).startswith("guidance_scale must be at least 0")


@pytest.mark.parametrize("late", [False, True])
def test_a_file_that_is_replaced_while_a_run_begins_is_told_and_later_is_not_recorded(late, tmp_path, monkeypatch):
    """Before the first step nobody knows which of both was read; after it the run is of the first, and says so."""
    file, out = tmp_path / "a.png", tmp_path / "out"
    Image.new("RGB", (256, 256), "red").save(file)
    first = sha256(file.read_bytes()).hexdigest()
    how: dict[str, Any] = {"steps": 2, "device": "cpu", "dtype": "float32", "out": str(out)}

    def replaced(value: Any) -> Any:
        Image.new("RGB", (256, 256), "blue").save(file)
        return value

    if late:
        save = Task.save
        monkeypatch.setattr(Task, "save", lambda self, output: save(self, replaced(output)))
        assert synoptic.run("edit", str(file), "a cat", **how).pictures
        assert json.loads((out / "run.json").read_text())["options"]["image_sha256"] == first
        with pytest.raises(InputError, match="image_sha256 differs"):
            synoptic.run("edit", str(file), "a cat", **how)
        return
    load = execute.load_model
    monkeypatch.setattr(execute, "load_model", lambda options: replaced(load(options)))
    with pytest.raises(InputError, match="image was replaced") as e:
        synoptic.run("edit", str(file), "a cat", **how)
    assert e.value.rule == "input-changed" and not (out / "run.json").exists()
    assert synoptic.run("edit", str(file), "a cat", **how).state == "done"

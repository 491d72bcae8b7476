"""One quick run of every recipe with every option value, and what a run leaves behind."""

import json
import shlex
import sys

import pytest
import torch

import synoptic
from synoptic import cli, io
from synoptic.commands.models import models
from synoptic.errors import InputError
from synoptic.models.vocabulary import unknown_words

QUICK = {"steps": 2, "dtype": "float32"}
SMALL = {"width": 160, **QUICK}
WIDE = [
    {},
    {"width": 128},
    {"width": 164, "height": 132, "stride": 16},
    {"sync": "eps"},
    {"sync": "xt"},
    {"sync": "none"},
    {"space": "instance"},
    {"space": "canonical", "loop": True},
    {"weights": "uniform"},
    {"guidance": 1.0},
    {"negative": "a photo of a dog"},
    {"eta": 1.0},
    {"eta": 1.0, "sync": "xt", "space": "instance"},
    {"sampler": "ddpm", "sync": "xt"},
    {"sampler": "dpm++"},
    {"clip": "none"},
    {"clip": "static"},
    {"clip": "dynamic"},
    {"dtype": "bfloat16"},
    {"dtype": "float64"},
    {"device": "cpu", "dtype": "auto"},
    {"model": "bundled-if", "width": 96, "stride": 32},
    {"seed": 7, "count": 2},
]


@pytest.mark.parametrize("options", WIDE, ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()) or "defaults")
def test_wide_with_every_option_value(options, tmp_path):
    settings = SMALL | options
    result = synoptic.wide("a photo of snowy mountains", out=str(tmp_path), **settings)
    height = settings.get("height", 64 if settings.get("model") == "bundled-if" else 128)
    assert [image.size for image in result.images] == [(settings["width"], height)] * settings.get("count", 1)
    assert all(len(set(image.tobytes())) > 50 for image in result.images)
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "done"


@pytest.mark.parametrize(
    "options",
    [{}, {"model": "bundled-if"}, {"guidance": 1.0, "eta": 0.5}, {"clip": "static"}, {"sampler": "dpm++"}],
    ids=str,
)
def test_generate_with_every_kind_of_option(options, tmp_path):
    result = synoptic.generate(["a photo of a horse", "a photo of a dog"], out=str(tmp_path), **(QUICK | options))
    native = 64 if options.get("model") else 128
    assert [image.size for image in result.images] == [(native, native)] * 2
    assert [p.prompt for p in result.run.pictures] == ["a photo of a horse", "a photo of a dog"]


def test_a_picture_carries_its_settings_and_the_manifest_tells_all(tmp_path):
    result = synoptic.wide("a photo of snowy mountains", seed=3, out=str(tmp_path), **SMALL)
    (picture,) = result.run.pictures
    assert picture.file == "a_photo_of_snowy_mountains_3.png"
    inside = io.read_settings(tmp_path / picture.file)
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert inside["prompt"] == "a photo of snowy mountains" and inside["seed"] == 3
    assert inside["settings"] == manifest["settings"] and inside["command"] == manifest["command"]
    assert manifest["model"]["revision"].startswith("sha256:") and manifest["model"]["dtype"] == "float32"
    assert manifest["scores"]["judge"] == "bundled clip" and -1 <= manifest["scores"]["clip_score"] <= 1
    assert set(manifest["timings"]) == {"load", "sample", "decode", "score"} and manifest["versions"]["torch"]


def test_the_command_in_the_manifest_paints_the_same_picture(tmp_path, monkeypatch):
    first = synoptic.wide("a photo of the sea", negative="it's", loop=True, out=str(tmp_path / "a"), **SMALL)
    argv = [*shlex.split(first.run.command), "--out", str(tmp_path / "b")]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0
    name = first.run.pictures[0].file
    assert io.load_image(tmp_path / "b" / name).tobytes() == first.images[0].tobytes()


def test_a_folder_of_its_own_for_every_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a = synoptic.generate("a photo of a horse", **QUICK)
    b = synoptic.generate("a photo of a horse", seed=1, **QUICK)
    again = synoptic.generate("a photo of a horse", **QUICK)
    assert a.run.folder != b.run.folder and again.run.folder == a.run.folder
    assert "sample" not in again.run.timings, "what is there is not painted again"


def test_a_run_from_before_there_were_samplers_is_still_known(tmp_path):
    first = synoptic.generate("a photo of a horse", out=str(tmp_path), **QUICK)
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["settings"].pop("sampler") == "ddim"
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    again = synoptic.generate("a photo of a horse", out=str(tmp_path), **QUICK)
    assert "sample" not in again.run.timings and again.images == first.images
    with pytest.raises(InputError, match="sampler differs"):
        synoptic.generate("a photo of a horse", sampler="dpm++", out=str(tmp_path), **QUICK)


def test_another_run_in_the_same_folder_is_refused(tmp_path):
    synoptic.generate("a photo of a horse", out=str(tmp_path), **QUICK)
    with pytest.raises(InputError, match="seed differs"):
        synoptic.generate("a photo of a horse", seed=5, out=str(tmp_path), **QUICK)


@pytest.mark.parametrize("rows", [2, 16], ids=["picture by picture", "one batch"])
def test_a_stopped_run_goes_on_to_the_same_result(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("synoptic.runs.execute.max_batch_rows", lambda *_: rows)
    how = {"count": 3, **QUICK}
    whole = synoptic.generate("a photo of a horse", out=str(tmp_path / "whole"), **how)

    save, saved = io.save_image, []

    def stop_after_two(path, image, settings):
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(save(path, image, settings))

    with monkeypatch.context() as m:
        m.setattr(io, "save_image", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            synoptic.generate("a photo of a horse", out=str(tmp_path / "stopped"), **how)
    assert len(list((tmp_path / "stopped").glob("*.png"))) == 2
    assert json.loads((tmp_path / "stopped/run.json").read_text())["state"] == "running"
    resumed = synoptic.generate("a photo of a horse", out=str(tmp_path / "stopped"), **how)
    assert [i.tobytes() for i in resumed.images] == [i.tobytes() for i in whole.images]
    assert [p.score for p in resumed.run.pictures] == [p.score for p in whole.run.pictures]


def test_picture_k_of_count_is_the_picture_of_its_seed(tmp_path):
    many = synoptic.generate("a photo of a horse", count=3, out=str(tmp_path / "many"), **QUICK)
    one = synoptic.generate("a photo of a horse", seed=2, out=str(tmp_path / "one"), **QUICK)
    difference = io.from_pil(many.images[2]) - io.from_pil(one.images[0])
    assert difference.abs().max() <= 2 / 127.5


def test_a_word_the_model_never_saw_is_warned_of(tmp_path, capsys):
    synoptic.generate("a photo of a gothic horse", out=str(tmp_path), **QUICK)
    assert "never saw: gothic" in capsys.readouterr().err
    assert unknown_words("A photo of a HORSE, a dog's bone & the Grand Canyon at 5!") == ["dog's"]


def test_every_example_of_the_vocabulary_is_known():
    for kind, examples in models().known.items():
        for example in examples:
            assert unknown_words(example.replace("(or any colour)", "")) == [], (kind, example)


def test_score_reads_the_prompt_inside_or_the_file_name(tmp_path):
    result = synoptic.generate("a photo of a horse", out=str(tmp_path), steps=10, dtype="float32")
    result.images[0].save(tmp_path / "a_photo_of_a_lemon_128.png")
    scores = synoptic.score(str(tmp_path))
    by_prompt = {prompt: value for _, prompt, value in scores.items}
    assert set(by_prompt) == {"a photo of a horse", "a photo of a lemon"}
    assert by_prompt["a photo of a horse"] == pytest.approx(result.run.pictures[0].score, abs=1e-4)
    assert by_prompt["a photo of a horse"] > by_prompt["a photo of a lemon"] + 0.2
    assert scores.mean == pytest.approx(sum(by_prompt.values()) / 2)
    assert "judge bundled clip" in str(scores)


def test_score_leaves_out_what_only_shows_another_picture(tmp_path):
    picture = io.image_grid([io.to_pil(torch.zeros(1, 3, 64, 64))[0]], ["a"], 1)
    io.save_image(tmp_path / "a_lion_0.png", picture, {"prompt": "a lion"})
    io.save_image(tmp_path / "a_lion_0.views.png", picture, {"of": "a_lion_0.png"})
    io.save_image(tmp_path / "canny.png", picture, {"condition": "canny"})
    assert [prompt for _, prompt, _ in synoptic.score(str(tmp_path)).items] == ["a lion"]
    with pytest.raises(InputError, match="only shows another picture"):
        synoptic.score(str(tmp_path / "a_lion_0.views.png"))

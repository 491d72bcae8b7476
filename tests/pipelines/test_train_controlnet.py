"""`synoptic train-control`, from pictures to a net that `synoptic control` follows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bundled_training.render.bank import bank
from synoptic import cli, io
from synoptic.pipelines.control import control
from synoptic.pipelines.train_controlnet import train_control
from synoptic.runs import checkpoint

FAST: dict[str, Any] = {"slim": True, "batch": 1, "held_back": 2, "evaluate_every": 3, "device": "cpu", "seed": 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six renders, one of them a little wider than high, and their captions."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "pictures").mkdir()
    x, words, _ = bank(6, 128, "cpu", seed=3, depth=True)
    for k, picture in enumerate(io.to_pil(x.float() / 127.5 - 1)):
        picture.resize((150, 128) if k == 2 else picture.size).save(folder / "pictures" / f"{k}.png")
    (folder / "captions.json").write_text(json.dumps({f"{k}.png": words[k] for k in range(6)}))
    return folder


def asked(data: Path, **other: Any) -> dict[str, Any]:
    return {"images": str(data / "pictures"), "captions": str(data / "captions.json"), **FAST} | other


@pytest.fixture(scope="module")
def done(data, tmp_path_factory) -> Any:
    return train_control(**asked(data), steps=3, out=str(tmp_path_factory.mktemp("run")))


def test_a_trained_net_is_followed_by_synoptic_control(data, done, tmp_path):
    picture = str(data / "pictures/0.png")
    how: dict[str, Any] = {"controlnet": [str(done.net)], "steps": 2, "device": "cpu", "dtype": "float32"}
    (painted,), run = control(picture, "a photo of a ball", condition=["canny"], out=str(tmp_path / "a"), **how)
    (plain,), _ = control(picture, "a photo of a ball", strength=[0.0], out=str(tmp_path / "b"), **how)
    assert run.state == "done" and painted.tobytes() != plain.tobytes()


def test_what_is_left_in_the_folder(data, done):
    folder = done.net.parent
    assert [row[0] for row in done.rows] == [0, 3] and done.rows[0][1] is None
    assert all(0 <= own <= 1 and 0 <= other <= 1 for _, _, own, other in done.rows)
    assert len((folder / "fidelity.tsv").read_text().splitlines()) == 3 and not (folder / "state.safetensors").exists()
    assert {path.name for path in (folder / "previews").iterdir()} == {"0.png", "3.png"}
    assert io.load_image(folder / "fidelity.png").size == (720, 440)
    manifest = json.loads((folder / "run.json").read_text())
    assert manifest["state"] == "done" and manifest["command"].startswith("synoptic train-control --images")
    before = (done.net / "diffusion_pytorch_model.safetensors").stat().st_mtime_ns
    again = train_control(**asked(data), steps=3, out=str(folder))
    assert again.rows and (done.net / "diffusion_pytorch_model.safetensors").stat().st_mtime_ns == before


def test_a_training_that_broke_off_goes_on_to_the_bit(data, done, tmp_path, monkeypatch):
    """A picture that cannot be read stops it on the way; repaired, the same command goes on."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    kept = {path.stem for path in (done.net.parent / "pictures").glob("*.safetensors")}
    names = sorted(path.name for path in (data / "pictures").iterdir())
    last = max(kept, key=lambda k: (done.net.parent / "pictures" / f"{k}.safetensors").stat().st_mtime_ns)
    broken = data / "pictures" / names[int(last)]
    whole = broken.read_bytes()
    try:
        broken.write_bytes(bytes(len(whole)))
        with pytest.raises(ValueError, match="cannot be read"):
            train_control(**asked(data), steps=3, out=str(tmp_path))
    finally:
        broken.write_bytes(whole)
    assert (
        json.loads((tmp_path / "run.json").read_text())["state"] == "running" and (tmp_path / "state.safetensors").exists()
    )
    again = train_control(**asked(data), steps=3, out=str(tmp_path))
    for name in ("controlnet/diffusion_pytorch_model.safetensors", "fidelity.tsv"):
        assert (tmp_path / name).read_bytes() == (done.net.parent / name).read_bytes()
    assert [row[0] for row in again.rows] == [0, 3]


def test_given_maps_and_lines_of_captions(data, tmp_path):
    (tmp_path / "maps").mkdir()
    lines = []
    for k in range(6):
        io.to_pil(torch.full((1, 3, 64, 64), k / 3 - 1))[0].save(tmp_path / "maps" / f"{k}.jpg")
        said = {"file_name": f"{k}.png", "text": "a ball"}
        lines.append(json.dumps(said) if k % 2 else f"{k}.png\ta ball")
    (tmp_path / "captions.txt").write_text("\n".join(lines))
    given = {"captions": str(tmp_path / "captions.txt"), "maps": str(tmp_path / "maps"), "slim": False}
    how = asked(data, **given, condition="map", init="bundled-canny", checkpointing=True)
    run = train_control(**how, steps=1, out=str(tmp_path / "a"))
    for path in (tmp_path / "a/pictures").glob("*.png"):
        x = io.from_pil(io.load_image(path))
        assert x.shape[-1] == 128 and (x - (int(path.stem) / 3 - 1)).abs().max() < 0.02
    assert [row[0] for row in run.rows] == [0, 1]


def test_bad_input_is_answered_before_torch(ask, data, tmp_path):
    pictures, words = str(data / "pictures"), str(data / "captions.json")
    files = {
        "few.json": '{"0.png": "a ball"}',
        "many.json": (data / "captions.json").read_text().replace("{", '{"7.png": "a ball", ', 1),
        "list.json": '{"0.png": 3}',
        "twice.tsv": "0.png\ta\n0.png\tb",
        "prose.txt": "a ball lies on the grass",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "empty").mkdir()
    (tmp_path / "maps").mkdir()
    usual = ["--images", pictures, "--captions", words]
    questions = {
        ("--images", pictures): "captions",
        ("--images", str(tmp_path / "empty"), "--captions", words): "holds none",
        ("--images", str(tmp_path / "none"), "--captions", words): "--images must be a folder",
        ("--images", pictures, "--captions", str(tmp_path / "none")): "--captions must be a text file",
        ("--images", pictures, "--captions", str(tmp_path / "few.json")): "1.png, 2.png, 3.png and 2 more are without",
        ("--images", pictures, "--captions", str(tmp_path / "many.json")): "7.png is not there",
        ("--images", pictures, "--captions", str(tmp_path / "list.json")): "says 3 of '0.png'",
        ("--images", pictures, "--captions", str(tmp_path / "twice.tsv")): "several for 0.png",
        ("--images", pictures, "--captions", str(tmp_path / "prose.txt")): "line 1 of",
        (*usual,): "6 are there and --held-back is 8",
        (*usual, "--held-back", "2", "--condition", "map"): "--maps and --condition map belong together",
        (*usual, "--held-back", "2", "--condition", "map", "--maps", str(tmp_path / "maps")): "needs a map of its name",
        (*usual, "--condition", "depth"): "needs --depth",
        (*usual, "--condition", "depth", "--depth", words): "is a file",
        (*usual, "--steps", "0"): "--steps must be at least 1",
        (*usual, "--held-back", "1"): "--held-back must be at least 2",
        (*usual, "--wordless", "1.5"): "--wordless must be at most 1",
        (*usual, "--lr", "0"): "--lr must be above 0",
        (*usual, "--init", "bundled-canny", "--slim"): "leave one away",
        (*usual, "--model", "bundled-if"): "bundled-if paints pixels",
    }
    answers = ask([["train-control", *words, "--out", str(tmp_path / "run")] for words in questions])
    for (code, said, torched), expected in zip(answers, questions.values(), strict=True):
        assert code == 2 and expected in said and said.count("\n") == 1 and not torched, said


def test_one_folder_holds_one_training(data, done):
    with pytest.raises(ValueError, match="steps differs"):
        train_control(**asked(data), steps=4, out=str(done.net.parent))
    file = data / "captions.json"
    before = file.read_text()
    try:
        file.write_text(before.replace('"0.png": "', '"0.png": "no '))
        with pytest.raises(ValueError, match="other pictures or captions"):
            train_control(**asked(data), steps=3, out=str(done.net.parent))
    finally:
        file.write_text(before)


def test_its_help_names_it_with_a_hyphen(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["synoptic", "train-control", "--help"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0 and "--wordless" in capsys.readouterr().out

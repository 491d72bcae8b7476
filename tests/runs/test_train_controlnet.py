"""Training a ControlNet, from pictures to a net that `control` follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import synoptic
from bundled_training.render.bank import bank
from synoptic import io
from synoptic.errors import InputError
from synoptic.runs import train_controlnet
from synoptic.utils import timing

pytestmark = pytest.mark.slow

FAST: dict[str, Any] = {
    "attention": False,
    "batch": 1,
    "num_validation": 2,
    "evaluate_every": 2,
    "device": "cpu",
    "seed": 3,
}


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    """Generate in three steps what is measured in training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("synoptic.controlnet.validation.NUM_STEPS", 3)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six renders, one of them a little wider than high, and their captions."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "pictures").mkdir()
    x, words, _ = bank(6, 256, "cpu", seed=3, depth=True)
    for k, picture in enumerate(io.to_pil(x.float() / 127.5 - 1)):
        picture.resize((300, 256) if k == 2 else picture.size).save(folder / "pictures" / f"{k}.png")
    (folder / "captions.json").write_text(json.dumps({f"{k}.png": words[k] for k in range(6)}))
    return folder


def trained(data: Path, out: Path, **other: Any):
    given = {"images": str(data / "pictures"), "captions": str(data / "captions.json"), "steps": 2, "out": str(out)}
    return synoptic.run("train_controlnet", **given | FAST | other)


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    return trained(data, tmp_path_factory.mktemp("run"))


def test_a_trained_net_is_followed(data, done, sd32):
    picture, net = str(data / "pictures/0.png"), str(done.folder / "controlnet")
    images = [
        synoptic.control(sd32, picture, "a photo of a ball", controlnet=net, strength=strength, steps=2).images[0]
        for strength in (1.0, 0.0)
    ]
    assert images[0].tobytes() != images[1].tobytes()


def test_what_is_measured_is_kept(done):
    header, *rows = (done.folder / "fidelity.tsv").read_text().splitlines()
    assert header.split("\t")[0] == "step" and [row.split("\t")[0] for row in rows] == ["0", "2"]
    assert all(0 <= float(row.split("\t")[2]) <= 1 for row in rows)
    assert str(done).endswith("controlnet") and (done.folder / "previews/2.png").exists()
    assert json.loads((done.folder / "run.json").read_text())["options"]["lr"] == 5e-4


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_net(data, done, tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "EVERY", 0.0)
    write = train_controlnet.write_state

    def write_and_die(*arguments: Any) -> None:
        write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(train_controlnet, "write_state", write_and_die)
        with pytest.raises(KeyboardInterrupt):
            trained(data, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "running"
    trained(data, tmp_path)
    for name in ("controlnet/diffusion_pytorch_model.safetensors", "fidelity.tsv"):
        assert (tmp_path / name).read_bytes() == (done.folder / name).read_bytes()
    assert not (tmp_path / "state.safetensors").exists()


@pytest.mark.slow
def test_given_maps_are_learned_from(data, tmp_path):
    (tmp_path / "maps").mkdir()
    for k in range(6):
        io.to_pil(torch.full((1, 3, 128, 128), k / 3 - 1))[0].save(tmp_path / "maps" / f"{k}.jpg")
    how = {"attention": True, "condition": "map", "init": "bundled-canny", "checkpointing": True, "steps": 1}
    run = trained(data, tmp_path / "run", maps=str(tmp_path / "maps"), **how)
    for path in (run.folder / "pictures").glob("*.png"):
        x = io.from_pil(io.load_image(path))
        assert x.shape[-1] == 256 and (x - (int(path.stem) / 3 - 1)).abs().max() < 0.02
    kept = (tmp_path / "maps/0.jpg").read_bytes()
    (tmp_path / "maps/0.jpg").write_bytes(kept[:-1] + b"?")  # as large as before
    with pytest.raises(InputError, match="other pictures, maps or captions"):
        trained(data, tmp_path / "run", maps=str(tmp_path / "maps"), **how)


def test_one_folder_holds_one_training(data, done):
    with pytest.raises(InputError) as e:
        trained(data, done.folder, steps=4)
    assert e.value.rule == "run-differs"
    assert trained(data, done.folder).summary == done.summary  # nothing is trained again
    manifest = done.folder / "run.json"
    said = manifest.read_text()
    try:
        manifest.write_text(said.replace(done.model["revision"], "0" * 40))
        with pytest.raises(InputError, match="another revision of what is given"):
            trained(data, done.folder)
    finally:
        manifest.write_text(said)
    file = data / "captions.json"
    before = file.read_text()
    try:
        file.write_text(before.replace('"0.png": "', '"0.png": "no '))
        with pytest.raises(InputError) as e:
            trained(data, done.folder)
        assert e.value.rule == "run-differs"
    finally:
        file.write_text(before)

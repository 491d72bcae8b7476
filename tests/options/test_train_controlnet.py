"""The options of train-controlnet: captions and maps in their forms, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from synoptic.errors import InputError
from synoptic.options.train_controlnet import TrainControlnetOptions
from tests.labels import label


@pytest.fixture
def data(tmp_path) -> Path:
    """Six pictures and their captions."""
    (tmp_path / "pictures").mkdir()
    for k in range(6):
        Image.new("RGB", (16, 16)).save(tmp_path / "pictures" / f"{k}.png")
    (tmp_path / "captions.json").write_text(json.dumps({f"{k}.png": "a ball" for k in range(6)}))
    return tmp_path


def prepared(data: Path, **named: Any) -> TrainControlnetOptions:
    given = {"images": str(data / "pictures"), "captions": str(data / "captions.json"), "num_validation": 2}
    return TrainControlnetOptions.from_arguments(**given | named).prepare()


def test_the_rate_is_the_models(data):
    assert prepared(data).lr == 5e-4 and prepared(data, lr=1e-3).lr == 1e-3
    assert prepared(data).title() == "canny pictures"


def test_captions_may_be_lines(data):
    lines = [json.dumps({"file_name": f"{k}.png", "text": f"ball {k}"}) if k % 2 else f"{k}.png\tball {k}" for k in range(6)]
    (data / "captions.txt").write_text("\n".join(lines))
    found = prepared(data, captions=str(data / "captions.txt")).read_captions()
    assert found == {f"{k}.png": f"ball {k}" for k in range(6)}


def test_captions_may_begin_with_a_byte_order_mark_and_hold_separators_of_lines(data):
    words = {f"{k}.png": f"ball\u2028{k}" for k in range(6)}
    (data / "captions.json").write_text(json.dumps(words), encoding="utf-8-sig")
    assert prepared(data).read_captions() == words
    (data / "lines.tsv").write_bytes("\r\n".join(map("\t".join, words.items())).encode("utf-8-sig"))
    assert prepared(data, captions=str(data / "lines.tsv")).read_captions() == words


def test_maps_have_their_pictures_names_whatever_their_kind(data):
    (data / "maps").mkdir()
    for k in range(6):
        Image.new("L", (16, 16)).save(data / "maps" / f"{k}.jpg")
    found = prepared(data, condition="map", maps=str(data / "maps")).find_maps()
    assert found is not None and Path(found["3.png"]).name == "3.jpg"


def test_depth_is_estimated_where_no_model_is_named(data):
    assert prepared(data, condition="normal").depth == "bundled" and prepared(data).depth is None


FILES = {
    "few.json": '{"0.png": "a ball"}',
    "many.json": json.dumps({f"{k}.png": "a ball" for k in range(8)}),
    "types.json": '{"0.png": 3}',
    "surrogate.json": r'{"0.png": "\ud800"}',
    "nul.json": r'{"0.png": "a\u0000b"}',
    "twice.tsv": "0.png\ta\n0.png\tb",
    "twice.json": '{"0.png": "a", "0.png": "b"}',
    "prose.txt": "a ball lies on the grass",
}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"images": "empty"}, "images-empty"),
    ({"images": "none"}, "folder-missing"),
    ({"captions": "none"}, "captions-file"),
    ({"captions": "few.json"}, "picture-without-caption"),
    ({"captions": "many.json"}, "caption-without-picture"),
    ({"captions": "types.json"}, "captions-type"),
    ({"captions": "surrogate.json"}, "captions-type"),
    ({"captions": "nul.json"}, "captions-type"),
    ({"captions": "twice.tsv"}, "captions-twice"),
    ({"captions": "twice.json"}, "captions-twice"),
    ({"captions": "prose.txt"}, "captions-line"),
    ({"num_validation": 8}, "num-validation-count"),
    ({"num_validation": 1}, "num_validation-at-least"),
    ({"condition": "map"}, "maps-condition"),
    ({"condition": "map", "maps": "empty"}, "map-missing"),
    ({"condition": "depth", "depth": "captions.json"}, "depth-file"),
    ({"steps": 0}, "steps-at-least"),
    ({"caption_dropout": 1.5}, "caption_dropout-at-most"),
    ({"lr": 0}, "lr-above"),
    ({"init": "bundled-canny", "attention": False}, "init-attention"),
    ({"model": "bundled-if"}, "controlnet-latents"),
]


@pytest.mark.parametrize(("named", "rule"), BAD, ids=label)
def test_what_makes_no_sense_is_refused_with_its_code(data, named, rule):
    (data / "empty").mkdir()
    for name, text in FILES.items():
        (data / name).write_text(text)
    places = {k: str(data / v) if k in ("images", "captions", "maps", "depth") else v for k, v in named.items()}
    with pytest.raises(InputError) as e:
        prepared(data, **places)
    assert e.value.rule == rule

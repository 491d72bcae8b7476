"""Embeddings in a file: the same pictures without the text encoder, and what a file must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors import safe_open

import synoptic
from synoptic.commands.base import Tool
from synoptic.errors import InputError
from synoptic.models import checkpoint, load
from synoptic.models.embeddings import check_embeddings
from synoptic.models.families import Defaults
from synoptic.models.registry import resolve
from tests.labels import label

PROMPTS, NEGATIVE = ["a photo of a horse", "a photo of a lemon"], "a pencil sketch"
QUICK: dict[str, Any] = {"steps": 1, "negative_prompt": NEGATIVE, "device": "cpu", "dtype": "float32"}
PICTURE = Image.linear_gradient("L").resize((256, 256)).convert("RGB")
MASK = PICTURE.convert("L")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A file of each bundled model."""
    folder, embed = tmp_path_factory.mktemp("embeddings"), Tool("embed")
    how: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
    return {
        m: embed(*PROMPTS, NEGATIVE, model=m, out=str(folder / f"{m}.safetensors"), **how) for m in ("bundled", "bundled-if")
    }


@pytest.fixture
def no_text_encoder(monkeypatch):
    def refuse(*_):
        raise AssertionError("a text encoder was loaded")

    def forbid():
        for family in load.TEXT_ENCODERS:
            monkeypatch.setitem(load.TEXT_ENCODERS, family, refuse)

    return forbid


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "values", "options"),
    [
        ("generate", PROMPTS[:1], {}),
        ("generate", PROMPTS[:1], {"model": "bundled-if", "upscalers": "bundled-if-ii"}),
        ("wide", PROMPTS[:1], {"width": 320}),
        ("edit", [PICTURE, PROMPTS[0]], {"strength": 1.0}),
        ("inpaint", [PICTURE, MASK, PROMPTS[0]], {}),
        ("control", [PICTURE, PROMPTS[0]], {}),
        ("anagram", ["a horse", "a lemon"], {"model": "bundled-if", "style": "a photo of", "upscalers": "none"}),
    ],
    ids=label,
)
def test_the_pictures_are_the_same_without_a_text_encoder(application, values, options, files, no_text_encoder, monkeypatch):
    monkeypatch.setitem(checkpoint.BUNDLED_DEFAULTS, "if-ii", Defaults(1, 3.0, 64))
    run, asked = getattr(synoptic, application), {"model": "bundled"} | options
    model = asked.pop("model")
    with_encoder = run(model, *values, **QUICK, **asked)
    no_text_encoder()
    without = run(model, *values, embeddings=str(files[model]), **QUICK, **asked)
    assert [i.tobytes() for i in without.images] == [i.tobytes() for i in with_encoder.images]


def test_styled_prompts_are_looked_up_as_they_are_used(files):
    how = QUICK | {"embeddings": str(files["bundled-if"]), "style": "a drawing of", "upscalers": "none"}
    with pytest.raises(InputError, match="lacks 'a drawing of a horse'"):
        synoptic.anagram("bundled-if", "a horse", "a lemon", **how)


def test_a_file_says_what_it_holds(files):
    with safe_open(files["bundled-if"], "pt") as f:
        about, keys = f.metadata(), list(f.keys())
    assert json.loads(about["prompts"]) == ["", *PROMPTS, NEGATIVE] and keys == ["text"]
    assert (about["model"], about["revision"]) == ("bundled-if", resolve("bundled-if").revision)


def test_a_file_that_does_not_serve_is_refused_with_the_cure(files, tmp_path):
    other, path = tmp_path / "other", files["bundled"]
    other.write_text("not embeddings")
    weights = checkpoint.BUNDLED_DIR / "sd/vae/diffusion_pytorch_model.safetensors"
    for file, model, prompt, rule in (
        (path, "bundled", "a photo of a dog", "embeddings-prompt"),
        (path, "bundled-if", PROMPTS[0], "embeddings-model"),
        (other, "bundled", PROMPTS[0], "embeddings-file"),
        (weights, "bundled", PROMPTS[0], "embeddings-file"),
        (tmp_path, "bundled", PROMPTS[0], "embeddings-file"),
        (tmp_path / "missing", "bundled", PROMPTS[0], "embeddings-file"),
    ):
        with pytest.raises(InputError) as e:
            check_embeddings(file, resolve(model), [prompt])
        assert e.value.rule == rule
    check_embeddings(path, resolve("bundled"), ["", *PROMPTS])


def test_the_command_line_refuses_before_torch_loads(files, ask):
    argv = [
        [name, "a photo of a dog", "--model", "bundled", "--embeddings", str(files["bundled"])]
        for name in ("generate", "wide")
    ]
    argv += [
        ["generate", PROMPTS[0], "--model", "bundled", "--negative-prompt", "fog", "--embeddings", str(files["bundled"])]
    ]
    for code, error, heavy in ask(argv):
        assert (code, heavy, error.count("\n")) == (2, False, 1)

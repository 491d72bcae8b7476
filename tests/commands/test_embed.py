"""Embeddings in a file: the same pictures without the text tower, and what a file must be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image
from safetensors import safe_open

import synoptic
from synoptic import cli
from synoptic.commands.embed import embed
from synoptic.errors import InputError
from synoptic.models import load, registry
from synoptic.models.embeddings import check_embeddings
from synoptic.models.families import Defaults
from synoptic.models.registry import resolve
from synoptic.pipelines.control import control
from synoptic.pipelines.edit import edit

PROMPTS, NEGATIVE = ["a photo of a horse", "a photo of a lemon"], "a pencil sketch"
QUICK: dict[str, Any] = {"steps": 2, "negative": NEGATIVE, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Of each bundled model its file."""
    folder = tmp_path_factory.mktemp("embeddings")
    how: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
    return {m: embed([*PROMPTS, NEGATIVE], model=m, out=str(folder / m), **how) for m in ("bundled", "bundled-if")}


@pytest.fixture
def no_towers(monkeypatch):
    def refuse(*_):
        raise AssertionError("a text tower was loaded")

    def forbid():
        for family in load.TEXT_ENCODERS:
            monkeypatch.setitem(load.TEXT_ENCODERS, family, refuse)

    return forbid


@pytest.mark.parametrize(
    ("recipe", "how"),
    [
        (synoptic.generate, {"model": "bundled"}),
        (synoptic.generate, {"model": "bundled-if", "upscalers": ["bundled-if-ii"]}),
        (synoptic.wide, {"model": "bundled", "width": 160}),
    ],
    ids=["generate", "stages", "wide"],
)
def test_the_pictures_are_the_same_bit_by_bit_without_a_text_tower(files, tmp_path, no_towers, monkeypatch, recipe, how):
    monkeypatch.setitem(registry.BUNDLED_DEFAULTS, "if-ii", Defaults(1, 3.0, 64))
    with_tower = recipe(PROMPTS[:1], out=str(tmp_path / "a"), **QUICK, **how)
    no_towers()
    without = recipe(PROMPTS[:1], embeddings=str(files[how["model"]]), out=str(tmp_path / "b"), **QUICK, **how)
    assert [i.tobytes() for i in without.images] == [i.tobytes() for i in with_tower.images]


@pytest.mark.parametrize("recipe", [edit, synoptic.inpaint, control, synoptic.invert, synoptic.denoise])
def test_what_begins_with_a_picture_needs_no_text_tower(files, tmp_path, no_towers, recipe):
    Image.linear_gradient("L").resize((128, 128)).save(tmp_path / "given.png")
    given = [str(tmp_path / "given.png")] * (2 if recipe is synoptic.inpaint else 1)
    how: dict[str, Any] = {"steps": 2, "device": "cpu", "dtype": "float32", "model": "bundled"}
    if recipe is synoptic.denoise:
        how = how | {"t": [300], "method": ["onestep"]}
        del how["steps"]

    def figure(**options: Any) -> bytes:
        found = recipe(*given, PROMPTS[0], **how, **options)
        return (found.image if recipe is synoptic.invert else found.images[0]).tobytes()

    with_tower = figure(out=str(tmp_path / "a"))
    no_towers()
    assert figure(embeddings=str(files["bundled"]), out=str(tmp_path / "b")) == with_tower


@pytest.mark.parametrize("recipe", [synoptic.anagram, synoptic.hybrid])
def test_styled_prompts_of_one_picture_are_looked_up_as_they_are_painted(files, tmp_path, no_towers, recipe):
    """Style and prompt make the text; the search needs no tower either."""
    split = [text.removeprefix("a photo of ") for text in PROMPTS]
    how: dict[str, Any] = {"steps": 2, "device": "cpu", "dtype": "float32", "search": 2, "style": "a photo of"}
    how |= {"upscalers": ["none"]}
    with_tower = recipe(split, out=str(tmp_path / "a"), **how)
    no_towers()
    without = recipe(split, embeddings=str(files["bundled-if"]), out=str(tmp_path / "b"), **how)
    assert without.images[0].tobytes() == with_tower.images[0].tobytes()
    with pytest.raises(InputError, match="lacks 'a drawing of a horse'"):
        recipe(split, embeddings=str(files["bundled-if"]), **how | {"style": "a drawing of"})


def test_a_file_says_what_it_holds(files):
    with safe_open(files["bundled-if"], "pt") as f:
        about, keys = f.metadata(), list(f.keys())
    assert json.loads(about["prompts"]) == ["", *PROMPTS, NEGATIVE] and keys == ["text"]
    assert (about["model"], about["revision"]) == ("bundled-if", resolve("bundled-if").revision)


def test_a_file_that_does_not_serve_is_refused_with_the_cure(files, tmp_path):
    other, path = tmp_path / "other", files["bundled"]
    other.write_text("not embeddings")
    weights = registry.BUNDLED_DIR / "sd/vae/diffusion_pytorch_model.safetensors"
    for file, model, prompt, words in (
        (path, "bundled", "a photo of a dog", "lacks 'a photo of a dog': embed it with the others"),
        (path, "bundled-if", PROMPTS[0], "not of bundled-if .*: use --model bundled, or write it anew"),
        (other, "bundled", PROMPTS[0], "synoptic models embed"),
        (weights, "bundled", PROMPTS[0], "synoptic models embed"),
        (tmp_path, "bundled", PROMPTS[0], "synoptic models embed"),
        (tmp_path / "missing", "bundled", PROMPTS[0], "synoptic models embed"),
    ):
        with pytest.raises(InputError, match=words):
            check_embeddings(file, resolve(model), [prompt])
    check_embeddings(path, resolve("bundled"), ["", *PROMPTS])


def test_the_command_line_refuses_before_torch_loads(files, ask):
    argv = [[recipe, "a photo of a dog", "--embeddings", str(files["bundled"])] for recipe in ("generate", "wide")]
    argv += [["generate", PROMPTS[0], "--negative", "fog", "--embeddings", str(files["bundled"])], ["models", "embed"]]
    for code, error, heavy in ask(argv):
        assert (code, heavy, error.count("\n")) == (2, False, 1)


def test_models_has_a_command_below_it(ask, tmp_path, monkeypatch, capsys):
    assert [(code, heavy) for code, _, heavy in ask([["models"], ["models", "embed", "--help"]])] == [(0, False)] * 2
    monkeypatch.setattr("sys.argv", ["synoptic", "models", "embed", "x", "--out", str(tmp_path / "one")])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0 and "never saw: x" in capsys.readouterr().err
    check_embeddings(tmp_path / "one", resolve("bundled"), ["x"])

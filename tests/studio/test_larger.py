"""Nine painted, one kept, painted larger: the same picture first, then its enlargement."""

from __future__ import annotations

import json

import numpy as np
import pytest

from synoptic.errors import InputError
from synoptic.io import load_image, read_settings
from synoptic.options import options_class
from synoptic.runs.execute import run
from synoptic.studio.larger import larger, one_to_choose


def settings(application: str, **options: object) -> dict[str, object]:
    """Return what a picture of these options says: of the last prompt, seed 7."""
    prepared = options_class(application).from_arguments(**options).prepare()
    found = json.loads(json.dumps(prepared.to_json()))
    return {"application": application, "options": found, "prompt": found["prompt"][-1], "seed": 7}


def test_a_seed_of_nine_is_painted_by_wide_at_twice_its_size():
    how = {"model": "bundled", "count": 9, "steps": 5, "guidance_scale": 4.0, "negative_prompt": "blur"}
    given = settings("generate", prompt=["a fox", "an owl"], **how)
    application, options = larger(given)
    assert application == "wide"
    o = options_class("wide").from_arguments(**options).prepare().to_json()
    assert (o["prompt"], o["seed"], o["count"], o["steps"], o["guidance_scale"]) == (["an owl"], 7, 1, 5, 4.0)
    assert (o["width"], o["height"], o["negative_prompt"]) == (512, 512, "blur")


def test_a_model_with_a_second_stage_is_followed_by_it():
    application, options = larger(settings("generate", prompt=["a fox"], model="bundled-if", upscalers=["none"]))
    o = options_class("generate").from_arguments(**options).prepare().to_json()
    assert (application, o["upscalers"], o["seed"]) == ("generate", ["bundled-if-ii"], 7)


@pytest.mark.parametrize(
    ("application", "options", "more"),
    [
        ("generate", {"prompt": ["a fox"]}, {"upscalers": ["none"]}),
        ("generate", {"prompt": ["a fox"], "model": "bundled"}, {}),
        ("generate", {"prompt": ["a fox"], "upscalers": ["sd-x4"]}, {}),
        ("wide", {"prompt": ["a fox"], "model": "bundled-if"}, {}),
        ("anagram", {"prompt": ["a fox", "an owl"], "model": "bundled-if"}, {}),
    ],
)
def test_several_to_choose_from_are_painted_before_their_second_stage(application, options, more):
    assert one_to_choose(application, options) == options | more


def test_a_wide_picture_is_painted_twice_as_wide_and_high():
    application, options = larger(settings("wide", prompt=["a fox"], width=512, circular=True))
    o = options_class("wide").from_arguments(**options).prepare().to_json()
    assert (application, o["width"], o["height"], o["circular"], o["progressive"]) == ("wide", 1024, 512, True, 0.1)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"application": "hybrid", "options": {}}, "larger-application"),
        ({}, "larger-application"),
        (settings("generate", prompt=["a"]), "larger-upscaled"),
        (settings("generate", prompt=["a"], model="bundled", guidance_rule="apg"), "larger-option"),
    ],
)
def test_what_cannot_be_painted_larger_is_said(given, rule):
    with pytest.raises(InputError) as error:
        larger(given)
    assert error.value.rule == rule


@pytest.mark.slow
def test_the_larger_picture_shows_the_same(tmp_path):
    how = {"model": "bundled", "steps": 10, "count": 2}
    small = run("generate", prompt=["a photo of an owl"], **how, out=str(tmp_path / "small"))
    files = [small.folder / picture.file for picture in small.pictures]
    application, options = larger(read_settings(files[1]))
    large = run(application, **options, out=str(tmp_path / "large"))
    assert large.images[0].size == (512, 512)
    shrunk = np.asarray(large.images[0].resize((256, 256)), float)
    same, other = (np.abs(shrunk - np.asarray(load_image(file), float)).mean() for file in reversed(files))
    assert same < 0.5 * other, (same, other)

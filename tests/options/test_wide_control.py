"""A wide picture along a given one: its size and its rules."""

from __future__ import annotations

import pytest

from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.wide import WideOptions
from tests.drawings import hills
from tests.labels import label


@pytest.mark.parametrize(
    ("asked", "size"), [({}, (640, 256)), ({"height": 512}, (1280, 512)), ({"width": 400, "height": 256}, (400, 256))]
)
def test_the_picture_gives_its_shape_where_no_size_was_asked_for(asked, size):
    options = WideOptions(prompt=("a",), control=hills(), **asked).prepare()
    assert (options.width, options.height) == size and options.controlnet == ("bundled-canny",)
    assert options.resolve(resolve("bundled")) == options, "what is resolved stays"


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        ({"condition": "canny"}, "control-missing"),
        ({"controlnet": "bundled-canny"}, "control-missing"),
        ({"control": "none.png"}, "picture-missing"),
        ({"control": hills(), "model": "bundled-if"}, "controlnet-latents"),
        ({"control": hills(), "progressive": 0.5}, "progressive-control"),
    ],
    ids=label,
)
def test_what_makes_no_sense_is_refused_with_its_code(named, rule):
    with pytest.raises(InputError) as e:
        WideOptions.from_arguments("a", **named).prepare()
    assert e.value.rule == rule

"""Fields cover every option, and what is entered for options is read back as the same options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

import synoptic
from synoptic.options import options_class
from synoptic.options.option import alternatives
from synoptic.studio.examples import EXAMPLES
from synoptic.studio.fields import Field, MaskedPicture, fields_of, values_of
from synoptic.studio.permissions import FILES, MESH, NOT_ASKED, PLACED
from synoptic.studio.snippets import python_call


def every_field(application: str) -> list[Field | MaskedPicture]:
    return [one for some in fields_of(options_class(application), ["bundled"]).values() for one in some]


def read_back(application: str, options: dict[str, object]) -> dict[str, object]:
    fields = every_field(application)
    return values_of(fields, [one.entry(options) for one in fields], str)


@pytest.mark.parametrize("application", synoptic.APPLICATIONS)
def test_every_option_has_a_field_but_those_of_the_machine(application):
    names = [one.spec.name for one in every_field(application) if isinstance(one, Field)]
    masked = ["image"] if any(isinstance(one, MaskedPicture) for one in every_field(application)) else []
    assert sorted([*names, *masked]) == sorted(s.name for s in options_class(application).specs() if s.name not in NOT_ASKED)


@pytest.mark.parametrize("application", synoptic.APPLICATIONS)
def test_what_is_entered_by_default_is_the_defaults(application):
    cls = options_class(application)
    pictures = {s.name: "p.png" for s in cls.specs() if s.option.positional and (s.option.picture or s.name == "mesh")}
    (prompt,) = (spec for spec in cls.specs() if spec.name == "prompt")
    required: dict[str, object] = {**pictures, "prompt": ["a", "b"] if prompt.is_list else "a"}
    assert cls.from_arguments(**read_back(application, required) | pictures) == cls.from_arguments(**required)


@pytest.mark.parametrize(
    ("application", "options"),
    [
        (
            "wide",
            {"prompt": ["a, b", "c"], "width": 512, "region": ["0,0,1,0.5: sky, blue", "0.5,0,1,1: sea"], "circular": True},
        ),
        ("wide", {"prompt": ["a"], "progressive": 0.4, "guidance_interval": [0.1, 0.9], "condition": ["canny", "depth"]}),
        ("anagram", {"prompt": ["a", "b", "c"], "views": ["identity", "rotate_cw", "negate"], "weights": [1.0, 2.0, 0.5]}),
        ("edit", {"prompt": "x", "start": [1, 3, 7], "guidance_scale": 4.5, "negative_prompt": "a, b"}),
        ("denoise", {"prompt": "x", "t": [100, 200], "method": ["onestep"]}),
    ],
)
def test_options_come_back_as_they_were_entered(application, options):
    read = read_back(application, options)
    assert {name: read[name] for name in options} == options


WORDS = ("prompt", "negative_prompt", "source_prompt", "style", "prompt_up", "prompt_down")  # which open no file


def test_every_text_is_words_or_is_checked_where_others_listen():
    """A new option that takes a text says which it is, or the studio would open what it names."""
    for application in synoptic.APPLICATIONS:
        for spec in options_class(application).specs():
            kinds = [kind for alternative in alternatives(spec.kind) for kind in (alternative, *get_args(alternative))]
            if str in kinds and not spec.option.picture:
                assert spec.name in (*WORDS, *FILES, *PLACED, *NOT_ASKED, MESH), (application, spec.name)


@pytest.mark.parametrize("application", EXAMPLES)
def test_examples_are_options_that_can_be_painted(application):
    for example in EXAMPLES[application]:
        entered = options_class(application).from_arguments(**read_back(application, dict(example.options))).prepare()
        assert example.picture.is_file()
        given = {name: str(value) if isinstance(value, Path) else value for name, value in example.options.items()}
        assert entered == options_class(application).from_arguments(**given).prepare()


@pytest.mark.parametrize(
    ("application", "given"),
    [
        (
            "wide",
            {"prompt": ["it's a lake", 'a "quoted" sea'], "width": 512, "guidance_interval": [0.1, 0.9]},
        ),
        ("edit", {"image": "p.png", "prompt": "a\\b", "strength": 0.5}),
    ],
)
def test_the_call_in_python_gives_the_same_options(application, given, monkeypatch):
    options = options_class(application).from_arguments(**given)
    text = python_call(application, json.loads(json.dumps(options.to_json())))
    called = []
    monkeypatch.setattr(synoptic, "run", lambda name, **values: called.append((name, values)), raising=False)
    exec(text, {})
    ((name, values),) = called
    assert name == application and options_class(application).from_arguments(**values) == options
    assert "seed" not in values

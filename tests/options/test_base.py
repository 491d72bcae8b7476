"""Options check themselves, write themselves down, and can be read again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from cyclopts import App
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from synoptic import cli
from synoptic.commands.parameters import signature
from synoptic.errors import InputError
from synoptic.options import options_class
from synoptic.options.base import Options, split_list
from synoptic.options.generate import GenerateOptions
from synoptic.options.option import alternatives, convert
from synoptic.options.renamed import RENAMED
from synoptic.options.wide import WideOptions
from synoptic.runs.folders import difference
from tests.labels import label

EVERY = [options_class(name.replace("-", "_")) for name in (*cli.APPLICATIONS, *cli.TOOLS)]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (int, np.int64(3), 3),
        (float, np.float32(0.5), 0.5),
        (float, 2, 2.0),
        (bool, np.bool_(True), True),
        (tuple[str, ...], "a", ("a",)),
        (tuple[str, ...], ["a", "b"], ("a", "b")),
        (tuple[int, ...], np.arange(3), (0, 1, 2)),
        (tuple[float, float] | None, (0, 1), (0.0, 1.0)),
        (Literal["a", "b"], "b", "b"),
    ],
    ids=label,
)
def test_values_become_the_options_own_type(kind, given, expected):
    found = convert(kind, given)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 1.5),
        ("steps", "3"),
        ("steps", True),
        ("steps", 2**70),
        ("eta", float("nan")),
        ("eta", float("inf")),
        ("eta", "much"),
        ("prompt", 3),
        ("prompt", [None]),
        ("sampler", "euler"),
        ("trace", 1),
        ("model", None),
        ("guidance_interval", (0.1,)),
        ("steps", 10**400),
    ],
    ids=label,
)
def test_another_type_is_refused_by_name(name, value):
    with pytest.raises(InputError) as e:
        WideOptions.from_arguments(**{"prompt": "a", name: value})
    assert e.value.rule == f"{name}-type" and name in str(e.value.in_python())


def test_a_number_of_more_digits_than_python_writes_is_refused():
    with pytest.raises(InputError, match="a number of thousands of digits was given") as e:
        WideOptions.from_arguments("a", guidance_scale=10**5000)
    assert e.value.rule == "guidance_scale-type"


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        ({"steps": 0}, "steps-at-least"),
        ({"guidance_scale": -1}, "guidance_scale-at-least"),
        ({"eta": 1.1}, "eta-at-most"),
        ({"seed": -2}, "seed-at-least"),
        ({"count": 0}, "count-at-least"),
        ({"progressive": 0}, "progressive-above"),
        ({"guidance": 3}, "unknown-option"),
        ({"stepz": 3}, "unknown-option"),
        ({"prompt": []}, "prompt-missing"),
        ({"prompt": "a\0"}, "prompt-type"),
    ],
    ids=label,
)
def test_a_broken_rule_has_a_code(named, rule):
    with pytest.raises(InputError) as e:
        WideOptions.from_arguments(**{"prompt": "a"} | named)
    assert e.value.rule == rule


def test_positional_values_fill_their_places_and_the_last_takes_the_rest():
    assert GenerateOptions.from_arguments("a", "b").prompt == ("a", "b")
    for values, named, rule in [((), {}, "missing-option"), (("a",), {"prompt": "b"}, "given-twice")]:
        with pytest.raises(InputError) as e:
            GenerateOptions.from_arguments(*values, **named)
        assert e.value.rule == rule


def test_nobody_changes_options():
    options = GenerateOptions(prompt=("a",))
    with pytest.raises(FrozenInstanceError):
        setattr(options, "steps", 3)
    with pytest.raises(InputError):
        replace(options, steps=0)


@pytest.mark.parametrize("options", EVERY, ids=lambda cls: cls.__name__)
def test_every_option_has_help_a_name_and_a_default_of_its_own_type(options: type[Options]):
    assert options.__doc__ and f"synoptic {options.application().replace('_', '-')}" in options.__doc__
    for spec in options.specs():
        assert (spec.option.help and spec.name not in RENAMED) or spec.name in ("start", "search", "source"), spec.name
        if spec.default is not MISSING:
            assert spec.checked(spec.default) == spec.default, spec.name


def value_of(spec: Any) -> st.SearchStrategy[Any]:
    """A strategy for the values of an option."""
    kind = next(a for a in alternatives(spec.kind) if a is not type(None))
    o = spec.option
    low = o.at_least if o.at_least is not None else (o.above if o.above is not None else 0)
    high = o.at_most if o.at_most is not None else max(low, 0) + 1000
    text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
        lambda t: t.strip() == t and not t.endswith("\\")
    )
    if get_origin(kind) is tuple:
        item, *rest = get_args(kind)
        size = 1 + len(rest) if rest != [...] else None
        return st.lists(scalar(item, low, high, o, text), min_size=size or 1, max_size=size or 3).map(tuple)
    return scalar(kind, low, high, o, text)


def scalar(kind: Any, low: float, high: float, o: Any, text: Any) -> st.SearchStrategy[Any]:
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(int(low), int(min(high, 2**62)))
    if kind is float:
        return st.floats(low, high, exclude_min=o.above is not None, allow_subnormal=False)
    return text


@pytest.mark.parametrize("examples", [4, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("options", EVERY, ids=lambda cls: cls.__name__)
def test_the_written_command_gives_the_same_options(options, examples):
    """parse(print(options)) == options, for prompts that begin with a dash too."""

    @settings(max_examples=examples, deadline=None)
    @given(data=st.data())
    def written_and_read(data: st.DataObject) -> None:
        names = {spec.name: spec for spec in options.specs() if spec.option.recorded}
        required = [name for name, spec in names.items() if spec.default is MISSING]
        some = data.draw(st.lists(st.sampled_from(sorted(names)), unique=True, max_size=6)) if names else []
        asked = options(**{name: data.draw(value_of(names[name])) for name in dict.fromkeys([*required, *some])})
        words = shlex.split(asked.command())
        found: list[Any] = []

        def keep(*values: Any, **named: Any) -> None:
            found.append(options.from_arguments(*values, **named))

        keep.__signature__ = signature(options)  # type: ignore[attr-defined]
        app = App(result_action="return_value")
        app.command(keep, name=words[1])
        app(words[1:], exit_on_error=False, print_error=False)
        assert found == [asked], words

    written_and_read()


def test_a_list_is_read_between_commas():
    assert split_list("identity,rotate_cw") == ["identity", "rotate_cw"]
    assert split_list(r"a\,b, c") == ["a,b", "c"]


def test_the_manifest_has_what_changes_pictures_and_nothing_else():
    found = GenerateOptions(prompt=("a",), trace=False, out="x").to_json()
    assert "out" not in found and "trace" not in found and found["prompt"] == ["a"]
    assert json.loads(json.dumps(found)) == found


def test_pictures_are_values_too():
    hybrid = options_class("hybrid")
    image = Image.new("RGB", (4, 4))
    assert getattr(hybrid.from_arguments("a", kind="inverse", photo=image), "photo") is image  # noqa: B009


@pytest.mark.parametrize("value", [np.array([1, 2]), torch.tensor([1, 2]), torch.tensor([[1]]), np.array([])], ids=str)
def test_several_numbers_are_no_number(value):
    with pytest.raises(TypeError, match="a whole number"):
        convert(int, value)


def save_order(file: Path, seed: int) -> None:
    np.save(file, np.random.default_rng(seed).permutation(16))


def save_mask(file: Path, seed: int) -> None:
    Image.linear_gradient("L").rotate(90 * seed).save(file)


NAMED: dict[str, tuple[str, Callable[[Path, int], object], str, dict[str, Any]]] = {
    "views": ("p.npy", save_order, "anagram", {"prompt": ["a", "b"], "views": ["identity", "p.npy+negate"]}),
    "region": ("m.png", save_mask, "wide", {"prompt": "a", "region": ["m.png: b", "0,0,0.5,1: c"]}),
    "lora": ("l.safetensors", lambda file, seed: file.write_text(str(seed)), "generate", {"lora": ["l.safetensors:0.5"]}),
    "embeddings": (
        "e.safetensors",
        lambda file, seed: file.write_text(str(seed)),
        "generate",
        {"embeddings": "e.safetensors"},
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_files_that_options_name_are_recorded_by_what_they_hold(name, tmp_path, monkeypatch):
    """The same name with other content is another run, as of a picture."""
    monkeypatch.chdir(tmp_path)
    file, save, application, asked = NAMED[name]
    save(Path(file), 1)
    options = options_class(application).from_arguments(**{"prompt": "a"} | asked)
    before: dict[str, Any] = {"application": application, "options": options.to_json()}
    recorded: Any = before["options"][f"{name}_sha256"]
    assert len(recorded) == 1 and not difference(options, before)
    save(Path(file), 2)
    assert difference(options, before) == f"{name}_sha256"
    assert f"{name}_sha256" not in options_class(application).from_arguments(prompt=["a", "b"]).to_json()

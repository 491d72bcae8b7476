"""--seed -1: random, drawn once, and recorded."""

from __future__ import annotations

from typing import Any

import pytest

from synoptic.errors import InputError
from synoptic.options import options_class

SOME = {
    "generate": {"prompt": "a lake"},
    "wide": {"prompt": "a lake"},
    "anagram": {"prompt": ["a lake", "a dog"]},
    "distill": {"prompt": "a lake"},
    "text_to_3d": {"prompt": "a red mug"},
}


@pytest.mark.parametrize("name", SOME)
def test_it_is_drawn_once_and_recorded(name):
    options: Any = options_class(name)
    one, other = (options.from_arguments(**SOME[name], seed=-1).prepare() for _ in range(2))
    assert one.seed >= 0 and one.seed != other.seed, "2^-32 is chance"
    assert one.prepare().seed == one.seed == one.to_json()["seed"] == one.items()[0].seed
    assert f"--seed={one.seed}" in one.command()


def test_several_processes_are_given_one(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError) as e:
        options_class("generate").from_arguments("a lake", seed=-1).prepare()
    assert e.value.rule == "seed-processes"

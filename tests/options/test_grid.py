"""--grid: which options it takes, their values, and how many cells there are."""

from __future__ import annotations

import pytest

from synoptic.errors import InputError
from synoptic.options.generate import GenerateOptions
from synoptic.options.grid import parse_axes, prepare_cells


def cells(*words, **named):
    axes = parse_axes(GenerateOptions, words)
    return prepare_cells(GenerateOptions, axes, ["a lake"], {"model": "bundled"} | named)


def test_the_first_goes_across_and_the_second_down():
    found = [(c.guidance_scale, c.seed) for c in cells("guidance-scale=3,5", "seed=0..2")]
    assert found == [(3, 0), (5, 0), (3, 1), (5, 1), (3, 2), (5, 2)]


def test_words_have_their_options_type():
    assert [c.sampler for c in cells("sampler=ddim,dpm++")] == ["ddim", "dpm++"]
    assert [c.steps for c in cells("--steps=2,4,2")] == [2, 4], "twice is once"


def test_a_random_seed_is_one_for_all_cells():
    (seed,) = {c.seed for c in cells("guidance_scale=3,5", seed=-1)}
    assert seed >= 0


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["seed=0..1", "steps=2,3", "eta=0,1"], "grid-axes"),
        (["seed=0..1", "seed=2,3"], "grid-axes"),
        (["seed"], "grid-option"),
        (["seed="], "grid-option"),
        (["prompt=x"], "grid-option"),
        (["nothing=1"], "grid-option"),
        (["out=a,b"], "grid-option"),
        (["upscalers=none"], "grid-option"),
        (["seed=0,0.5"], "seed-type"),
        (["steps=0..3"], "steps-at-least"),
        (["sampler=ddim,euler"], "sampler-type"),
        (["seed=0..100", "steps=1,2"], "grid-size"),
        (["seed=0..999999999999"], "grid-size"),
        (["seed=3..1"], "grid-axes"),
        ([f"seed=0..{'9' * 5000}"], "seed-type"),
        (["count=2,3"], "grid-one-picture"),
    ],
)
def test_what_is_none_is_named(words, rule):
    with pytest.raises(InputError) as e:
        cells(*words)
    assert e.value.rule == rule

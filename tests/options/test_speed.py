"""What --fast and the number of an upscaler's steps are for pictures that are enlarged."""

from __future__ import annotations

import pytest

from synoptic.errors import InputError
from synoptic.options.anagram import AnagramOptions
from synoptic.options.generate import GenerateOptions


def generated(**options):
    return GenerateOptions.from_arguments("a lake", **options).prepare()


def turned(**options):
    return AnagramOptions.from_arguments("a lion", "a sunflower", **options).prepare()


def test_nothing_is_approximate_unless_asked_for():
    for plain in (generated(), turned()):
        assert (plain.sampler, plain.steps, plain.deepcache) == ("ddim", 25, 1)
        assert plain.guidance_interval is None and plain.upscaler_steps == ()


def test_fast_pictures_take_few_evaluations_unless_told_otherwise():
    fast = generated(fast=True)
    assert (fast.sampler, fast.steps, fast.deepcache, fast.guidance_interval) == ("dpm++", 13, 2, None)
    given = generated(fast=True, steps=6, deepcache=1, guidance_interval=(0.1, 0.5))
    assert (given.steps, given.deepcache, given.guidance_interval) == (6, 1, (0.1, 0.5))


def test_fast_anagrams_are_decoded_at_fewer_steps():
    fast = turned(fast=True)
    assert (fast.sampler, fast.steps, fast.deepcache) == ("dpm++", 13, 1)
    assert turned(fast=True, steps=20).steps == 20
    with pytest.raises(InputError, match="--fast is of upscalers and of views"):
        turned(fast=True, view_space="latents")


def test_fast_anagrams_of_pixels_are_enlarged_in_fewer_steps_and_else_as_ever():
    plain, fast = turned(model="bundled-if"), turned(model="bundled-if", fast=True)
    assert fast.upscaler_steps == (5,)
    assert (fast.sampler, fast.steps, fast.deepcache) == (plain.sampler, plain.steps, plain.deepcache)
    assert turned(model="bundled-if", fast=True, upscaler_steps=7).upscaler_steps == (7,)
    assert turned(model="bundled-if", fast=True, eta=0.5).eta == 0.5


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"upscaler_steps": (3, 4)}, "upscaler-steps-count"),
        ({"upscaler_steps": 0}, "upscaler_steps-at-least"),
        ({"step_repeats": 3, "deepcache": 2}, "deepcache-whole"),
    ],
)
def test_bad_numbers_of_steps_are_refused(options, rule):
    with pytest.raises(InputError) as caught:
        turned(**options)
    assert caught.value.rule == rule

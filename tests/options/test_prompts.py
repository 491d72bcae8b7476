"""Items: as many pictures as distinct prompts, under names that every file system keeps apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.generate import GenerateOptions
from synoptic.options.prompts import one_picture_of_all, one_picture_per_prompt, slug
from tests.labels import label

RESERVED = '/\\:*?"<>|'


@given(st.lists(st.text(min_size=1, max_size=150), min_size=1, max_size=6), st.integers(0, 10**12))
def test_distinct_prompts_have_distinct_legal_names(prompts, seed):
    items = one_picture_per_prompt(prompts, range(seed, seed + 2))
    assert [item.prompts[0] for item in items[::2]] == list(dict.fromkeys(prompts))
    folded = {unicodedata.normalize("NFKC", item.stem).casefold() for item in items}
    assert len(folded) == len(items)
    for item in items:
        assert not set(item.stem) & set(RESERVED) and item.stem.strip(". ") == item.stem
        assert len(item.stem.encode()) < 140


@pytest.mark.parametrize(
    ("prompts", "stems"),
    [
        (["a lemon"], ["a_lemon_0"]),
        (["a lemon?", "a lemon"], ["a_lemon_0", "a_lemon-2_0"]),
        (["A Lemon", "a lemon"], ["A_Lemon_0", "a_lemon-2_0"]),
        (["a lemon", "a lemon"], ["a_lemon_0"]),
        (["con", ""], ["_con_0", "picture_0"]),
    ],
)
def test_names(prompts, stems):
    assert [item.stem for item in one_picture_per_prompt(prompts, [0])] == stems


def test_prompts_of_one_picture_share_its_name():
    (item,) = one_picture_of_all(["a lion", "a sunflower"], [7])
    assert (item.title, item.stem) == ("a lion | a sunflower", "a_lion_a_sunflower_7")
    assert slug("a photo of snowy mountains") == "a_photo_of_snowy_mountains"


def test_defaults_are_the_models():
    bundled, pixels = resolve("bundled"), resolve("bundled-if")
    for checkpoint, stages in ((bundled, ("none",)), (pixels, ("bundled-if-ii",))):
        found = GenerateOptions(prompt=("a",)).resolve(checkpoint)
        assert (found.steps, found.guidance_scale) == (checkpoint.defaults.steps, checkpoint.defaults.guidance_scale)
        assert found.upscalers == stages and found.resolve(checkpoint) == found, "what is resolved stays"


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        ({"steps": 1000}, "steps-at-most"),
        ({"sampler": "dpm++", "eta": 0.5}, "eta-sampler"),
        ({"seed": 2**63 - 1, "count": 2}, "seed-count"),
        ({"model": "bundled", "upscalers": "bundled-if-ii"}, "upscalers-size"),
        ({"model": "bundled-if", "upscalers": ["none", "bundled-if-ii"]}, "upscalers-keyword"),
        ({"model": "bundled-if", "noise_level": 1000}, "noise-level-at-most"),
    ],
    ids=label,
)
def test_rules(named, rule):
    with pytest.raises(InputError) as e:
        GenerateOptions.from_arguments("a", **named).prepare()
    assert e.value.rule == rule

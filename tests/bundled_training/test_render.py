"""The renderer: every spec gives a finite picture in range, the same one for the same seed."""

from __future__ import annotations

from random import Random

import pytest
import torch

from bundled_training.render import Renderer, glyphs
from bundled_training.render.bank import bank
from bundled_training.render.captions import KINDS, NAMES, Spec, specs
from bundled_training.render.paste import LAYOUTS
from bundled_training.render.scenes import SCENES
from bundled_training.render.words import COLOURS, STORIES, SYNONYMS
from bundled_training.render.words import SCENES as SCENE_WORDS
from tests.quick import slow_ones


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer("cpu")


@pytest.mark.parametrize(("size", "count"), slow_ones([(64, 96), (128, 24)], [(128, 24)]))
def test_every_kind_of_spec_gives_an_image_and_a_depth_in_range(renderer, size, count):
    chosen = specs(count, Random(size))
    image, depth = renderer.render(chosen, size)
    assert size == 128 or {spec.kind for spec in chosen} == set(KINDS)
    assert image.shape == (count, 3, size, size) and depth.shape == (count, 1, size, size)
    for made in (image, depth):
        assert made.isfinite().all() and made.min() >= 0 and made.max() <= 1
    assert image.flatten(1).std(1).min() > 0.01  # none is empty


def test_a_white_background_is_white_and_a_thing_is_near(renderer):
    spec = Spec("a photo of an apple on a white background", "photo", "one", ("apple",), "one", background="white")
    image, depth = renderer.render([spec] * 8, 64)
    assert image[:, :, :3, :3].mean() > 0.85
    assert (depth[:, 0, 28:36, 28:36] > 0.84).all() and (depth[:, 0, 0, 0] < 0.5).all()


@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_a_dyed_thing_has_its_colour(renderer, colour):
    spec = Spec(f"a {colour} mushroom", "photo", "one", ("mushroom",), "one", colour=colour, background="white")
    middle = renderer.render([spec] * 8, 64)[0][:, :, 24:40, 24:40].mean((0, 2, 3))
    assert int(middle.argmax()) == ["red", "green", "blue"].index(colour)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bank():
    one, same, other = (bank(8, 64, "cpu", seed, chunk=4, depth=True) for seed in (1, 1, 2))
    assert one[0].dtype == torch.uint8 and one[0].shape == (8, 3, 64, 64) and len(one[1]) == 8
    assert torch.equal(one[0], same[0]) and torch.equal(one[2], same[2]) and one[1] == same[1]
    assert one[1] != other[1]


def test_every_word_has_its_picture():
    tiles, names = glyphs.load("cpu")
    assert tiles.shape[1:] == (4, 128, 128) and tuple(names) == NAMES
    assert {number for numbers in names.values() for number in numbers} == set(range(len(tiles)))
    assert (tiles[:, 3].flatten(1).float().mean(1) > 20).all()
    assert set(SYNONYMS) <= set(names) and set(SCENE_WORDS) == set(SCENES)
    for story in STORIES:
        assert {name for choices in story.things for name in choices} <= set(names)
        assert len(LAYOUTS[story.layout]) >= len(story.things) and set(story.scenes) <= set(SCENES)
    assert all(len(colour) == 3 for colour in COLOURS.values())

"""The renderer: every spec gives a finite picture in range, whole things on quiet grounds, the same for the same seed."""

from __future__ import annotations

from random import Random

import pytest
import torch

from bundled_training.render import Renderer, glyphs_3d
from bundled_training.render.bank import bank, halved
from bundled_training.render.captions import Spec, specs
from bundled_training.render.scenes import SCENES
from bundled_training.render.standing import GROUNDED, STACKED, TOGETHER, contact, studio
from bundled_training.render.styles import STYLES
from bundled_training.render.things import NAMES, UNDYED, USUAL
from bundled_training.render.words import COLOURS, KINDS, STORIES, SYNONYMS
from bundled_training.render.words import SCENES as SCENE_WORDS
from bundled_training.render.words import STYLES as STYLE_WORDS
from tests.quick import slow_ones

THING = 0.84  # a pasted thing's depth is larger


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


@pytest.mark.slow
def test_every_word_has_two_designs():
    tiles, designs = glyphs_3d.load("cpu")
    assert tiles.shape[1:] == (4, 192, 192) and tuple(designs) == NAMES and len(designs) > 450
    assert all(set(kinds) == {"fluent", "noto"} and all(kinds.values()) for kinds in designs.values())
    used = {number for kinds in designs.values() for numbers in kinds.values() for number in numbers}
    assert used == set(range(len(tiles)))
    assert (tiles[:, 3].flatten(1).float().mean(1) > 15).all()


def test_the_tables_of_words_fit_together():
    assert {*USUAL, *UNDYED, *SYNONYMS} <= set(NAMES)
    assert set(SCENE_WORDS) == set(SCENES) and set(STYLE_WORDS) == set(STYLES)
    for story in STORIES:
        assert {name for choices in story.things for name in choices} <= set(NAMES)
        assert story.layout in {*GROUNDED, *STACKED, *TOGETHER} and set(story.scenes) <= set(SCENES)
        assert len(TOGETHER.get(story.layout, story.things)) == len(story.things)
    assert all(len(colour) == 3 for colour in COLOURS.values())


@pytest.mark.slow
def test_every_kind_of_picture_in_range():
    pictures, captions, depths = bank(12, 256, "cpu", seed=1, depth=True)
    assert pictures.shape == (12, 3, 256, 256) and depths.shape == (12, 1, 256, 256) and len(captions) == 12
    assert pictures.float().flatten(1).std(1).min() > 2
    small, same = halved(12, 256, "cpu", seed=1)
    assert same == captions and small.shape == (12, 3, 128, 128)
    mean = torch.nn.functional.avg_pool2d(pictures.float(), 2)
    assert (small.float() - mean).abs().max() <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_a_thing_is_whole_and_seen_in_every_style(renderer, style):
    torch.manual_seed(1)
    some = [Spec(f"a {name}", style, "one", (name,), "one") for name in ("dog", "old man", "bicycle", "penguin")]
    image, depth = renderer.render(some, 256)
    assert image.isfinite().all() and image.min() >= 0 and image.max() <= 1
    near = depth[:, 0] > THING
    border = torch.cat([near[:, 0], near[:, -1], near[:, :, 0], near[:, :, -1]], 1)
    assert not border.any() and near.float().mean((1, 2)).min() > 0.08
    inside = torch.where(near[:, None], image, 0.0).sum((2, 3)) / near.sum((1, 2)).view(-1, 1)
    spread = (image - inside[..., None, None]).abs().mean(1)
    assert spread[near].mean() > 0.04  # not one flat blob


@pytest.mark.slow
def test_untold_grounds_are_quiet(renderer):
    grounds = studio(torch.ones(64, 3), torch.zeros(64), 64)
    assert (grounds.amax(1) - grounds.amin(1)).max() < 0.15 and grounds.amin() > 0.6
    colored = studio(torch.tensor([[0.85, 0.12, 0.12]]), torch.ones(1), 64)
    assert (colored[:, 0] - colored[:, 1]).min() > 0.5
    spec = Spec("a photo of an apple on a white background", "photo", "one", ("apple",), "one", background="white")
    assert renderer.render([spec] * 3, 256)[0][:, :, :8, :8].mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("style", ["photo", "oil"])
def test_two_things_are_apart(renderer, style):
    torch.manual_seed(2)
    pairs = [("dog", "cat"), ("car", "horse"), ("tree", "pizza"), ("bicycle", "owl"), ("cow", "castle")]
    some = [Spec("", style, "two", names, "across") for names in pairs]
    near = renderer.render(some, 256)[1][:, 0] > THING
    columns = near.any(1)
    for row in columns:
        assert not row[0] and not row[-1]
        middle = row[100:156]
        assert not middle.all(), "there is ground between the two"
        assert row[:128].sum() > 40 and row[128:].sum() > 40


@pytest.mark.slow
@pytest.mark.parametrize("layout", STACKED)
def test_a_thing_on_another_touches_it(renderer, layout):
    torch.manual_seed(3)
    near = renderer.render([Spec("", "photo", "two", ("apple", "table"), layout)] * 4, 256)[1][:, 0] > THING
    rows = near.any(2)
    for row in rows:
        seen = row.nonzero().flatten()
        assert seen[-1] - seen[0] + 1 - row.sum() <= 6, "no gap between the two"
        assert seen[0] > 0 and seen[-1] < 255


@pytest.mark.slow
@pytest.mark.parametrize("layout", GROUNDED)
def test_things_in_a_scene_stand_on_its_ground(renderer, layout):
    torch.manual_seed(4)
    some = [Spec("", "photo", "one", (name,), layout, scene="meadow") for name in ("horse", "car", "castle")]
    near = renderer.render(some, 256)[1][:, 0] > THING
    bottoms = [int(row.nonzero().amax()) / 256 for row in near.any(2)]
    (_, (low, high), _) = GROUNDED[layout]
    assert all(low - 0.04 < bottom < high + 0.04 for bottom in bottoms)


def test_a_shadow_lies_under_a_thing():
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[:, :, 10:40, 20:44] = 1
    dark = contact(alpha, torch.tensor([0.36]))[0, 0]
    assert 0.1 < dark[40, 32] <= 0.7 and dark[5, 32] < 0.01 and dark[60, 5] < 0.02
    assert contact(alpha, torch.zeros(1)).max() == 0

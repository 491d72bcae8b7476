"""What is seen straight below and above: known words, no horizon, no up, and other pictures' captions as they were."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
import torch
from torch import Tensor

from bundled_training.render import Renderer, captions, words
from bundled_training.render.captions import Spec, specs
from bundled_training.render.layers import Canvas, Cells
from bundled_training.render.poles import POLES
from bundled_training.render.scenes import SCENES
from synoptic.models.vocabulary import unknown_words

torch.set_num_threads(1)
GROUNDS = [name for name in POLES if name.startswith("overhead ")]
HORIZON = 0.3  # by so much the rows' thirds differ where there is one


def painted(name: str, count: int = 1, side: int = 32, width: int | None = None, time: str = "", seed: int = 4):
    torch.manual_seed(seed)
    paint = (SCENES | POLES)[name]
    time = time or (words.POLES[name].times.split()[0] if name in words.POLES else "day")
    return paint(count, side, width or side, "cpu", time, torch.zeros(count, dtype=torch.bool))


def spread(x: Tensor, dim: int) -> float:
    """How much the thirds of pictures differ, in the color that differs most."""
    thirds = torch.stack([third.mean((0, 2, 3)) for third in x.chunk(3, dim=dim)])
    return (thirds.amax(0) - thirds.amin(0)).max().item()


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer("cpu")


@cache
def told() -> list[Spec]:
    return [spec for spec in specs(20_000, Random(1)) if spec.kind == "pole"]


def test_every_word_is_known_to_the_shipped_models():
    assert not [spec.caption for spec in told() if unknown_words(spec.caption)]
    for pole in words.POLES.values():
        assert not [noun for noun in pole.nouns if unknown_words(noun)]


def test_the_words_are_those_of_the_painters():
    assert set(words.POLES) == set(POLES) and not set(POLES) & set(SCENES)
    assert {spec.scene for spec in told()} == set(POLES)
    for spec in told():
        view = spec.caption != words.QUALITY and "overhead view" in spec.caption
        assert view == (spec.caption != words.QUALITY and str(spec.scene).startswith("overhead "))
        assert spec.time in words.POLES[str(spec.scene)].times.split() and not spec.sun


def test_one_in_twelve_and_a_quarter_of_them_skies():
    assert len(told()) / 20_000 == pytest.approx(0.08, abs=0.007)
    skies = [spec for spec in told() if spec.scene not in GROUNDS]
    assert len(skies) / len(told()) == pytest.approx(0.25, abs=0.05)


def test_all_other_captions_are_as_they_were_without_poles(monkeypatch):
    found = specs(3000, Random(5))
    before = {"scene": 0.22} | {kind: share for kind, share in words.KINDS.items() if kind not in ("scene", "pole")}
    monkeypatch.setattr(captions, "KINDS", before)
    without = specs(3000, Random(5))
    other = [(a, b) for a, b in zip(found, without, strict=True) if a != b]
    assert len(other) > 60
    assert {(a.kind, b.kind) for a, b in other} == {("pole", "scene")}


@pytest.mark.parametrize("name", POLES)
def test_a_pole_is_a_picture_with_its_depth(name):
    for width in (48, 96):
        image, depth = painted(name, 2, 48, width)
        assert image.shape == (2, 3, 48, width) and depth.shape == (2, 1, 48, width)
        for x in (image, depth):
            assert x.isfinite().all() and x.min() >= 0 and x.max() <= 1
        assert 0.03 < image.mean() < 0.97 and image.std() > 0.03
    if name in GROUNDS:
        assert depth.min() >= 0.4 - 1e-6 and depth.max() < 0.7 and depth.flatten(1).std(1).max() < 0.08
    else:
        assert depth.max() == 0


@pytest.mark.parametrize("name", POLES)
def test_a_pole_has_no_horizon_and_no_up(name):
    image, depth = painted(name, 24)
    for dim in (2, 3):
        assert spread(image, dim) < HORIZON / 3
        assert spread(depth, dim) < 0.02


@pytest.mark.parametrize("name", ["wheat", "beach", "ocean", "meadow", "forest", "city"])
def test_its_scene_has_a_horizon(name):
    assert spread(painted(name, 24)[0], 2) > HORIZON


@pytest.mark.parametrize("name", POLES)
def test_the_same_seed_gives_the_same_pole_and_no_two_of_a_batch_are_alike(name):
    image, depth = painted(name, 4)
    again, same = painted(name, 4)
    assert torch.equal(image, again) and torch.equal(depth, same)
    assert not torch.equal(image, painted(name, 4, seed=5)[0])
    assert min((image[k] - image[j]).abs().mean() for k in range(4) for j in range(k)) > 0.02


@pytest.mark.parametrize("name", [name for name in POLES if {"day", "night"} <= set(words.POLES[name].times.split())])
def test_it_is_darker_and_bluer_at_night(name):
    by_day, at_night = (painted(name, 4, time=time)[0].mean((0, 2, 3)) for time in ("day", "night"))
    assert at_night.sum() < 0.9 * by_day.sum() and at_night[2] / at_night.sum() > by_day[2] / by_day.sum()


def test_the_things_of_cells_lie_whole_in_them_and_each_has_its_number():
    torch.manual_seed(6)
    canvas = Canvas(3, 64, 64, "cpu", "day", torch.zeros(3, dtype=torch.bool))
    cells = Cells(canvas, 0.2, 0.3, loose=0.2)
    number = cells.number().flatten(1)
    for index, values, radius in zip(cells.index, number, cells.radius.flatten(1), strict=True):
        for cell in index.unique():
            assert values[index == cell].unique().numel() == 1
        assert values.unique().numel() == index.unique().numel() > 9
        assert radius.min() < 0.05
    edge = torch.maximum(cells.across.abs(), cells.down.abs()) / cells.wide
    assert edge.max() <= 0.6 + 1e-5  # half a cell, and a tenth that its thing may be off its middle
    assert not torch.equal(number[0], number[1])


@pytest.mark.parametrize("style", words.STYLES)
def test_every_style_draws_it(renderer, style):
    torch.manual_seed(7)
    some = [Spec("", style, "pole", scene=name) for name in ("overhead wheat", "overhead snow", "sky")]
    some.append(Spec("", style, "pole", scene="night sky", time="night"))
    image, depth = renderer.render(some, 64)
    assert image.isfinite().all() and image.flatten(1).std(1).min() > 0.01
    assert depth[0].min() > 0.4 and depth[2:].max() == 0

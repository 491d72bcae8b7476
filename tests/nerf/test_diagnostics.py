"""The monitor: what it sees of fields that are well and of fields that are not, and what it says."""

from __future__ import annotations

import math
import time

import pytest
import torch

from synoptic.metrics.clip import Clip
from synoptic.nerf.background import RandomBackground, SolidBackground
from synoptic.nerf.diagnostics import (
    LOST_SCORE_RATIO,
    RECOGNIZED_SCORE,
    FieldDiagnostics,
    diagnose_views,
    diagnostics_from_tensor,
    diagnostics_to_tensor,
    find_problem,
)
from synoptic.nerf.encoding import HashGrid
from synoptic.nerf.field import NeuralField
from synoptic.nerf.scene import RadianceScene
from tests.nerf.known import Known, ball
from tests.nerf.mug import mug


def seen(scene: RadianceScene, clip_model: Clip, steps: tuple[int, int] = (900, 950)) -> list[FieldDiagnostics]:
    return [diagnose_views(scene, step, clip_model, "a red mug") for step in steps]


def newborn() -> RadianceScene:
    rng = torch.Generator().manual_seed(0)
    return RadianceScene(NeuralField(HashGrid(rng=rng), rng=rng), RandomBackground())


def test_a_mug_that_is_well_is_left_alone_and_its_sides_have_their_names(clip_model: Clip):
    past = seen(mug(), clip_model)
    assert past[0].likeliest_views == ("front", "side", "back", "side")
    assert past[0].finite and past[0].score > 0.5 and 0.25 < past[0].opacity < 0.45 and past[0].entropy < 0.05
    assert find_problem(past, 1000) is None


def test_a_mug_with_two_fronts_has_two_faces_but_only_once_it_had_time_to_grow(clip_model: Clip):
    scene = mug(two_faced=True)
    assert "two faces" in (find_problem(seen(scene, clip_model), 1000) or "")
    assert find_problem(seen(scene, clip_model, (100, 150)), 1000) is None


def test_another_things_faces_say_nothing(clip_model: Clip):
    past = [diagnose_views(mug(two_faced=True), step, clip_model, "a blue boat") for step in (900, 950)]
    assert past[0].score < RECOGNIZED_SCORE
    assert find_problem([h._replace(likeliest_views=("front",) * 4) for h in past], 1000) is None


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (mug(dense=0.02), "empty"),
        (RadianceScene(Known(ball(1.0, edge=0.01)), SolidBackground()), "fills its space"),
        (newborn(), "fog"),
    ],
)
def test_failures_have_their_names(scene: RadianceScene, why: str, clip_model: Clip):
    past = seen(scene, clip_model)
    assert why in (find_problem(past, 1000) or "") and find_problem(past[:1], 1000) is None


def test_a_thing_that_the_clip_recognizes_is_no_fog_however_many_of_its_rays_are_undecided(clip_model: Clip):
    """A lamp's arm is thinner than a pixel of these renders: 0.09 of the light stopped, 0.137 nats, at scores of 0.48."""
    fog = seen(newborn(), clip_model)
    thin = [h._replace(opacity=0.09, entropy=0.137, score=0.48) for h in fog]
    assert "fog" in (find_problem(fog, 1000) or "") and find_problem(thin, 1000) is None
    assert "fog" in (find_problem([h._replace(score=RECOGNIZED_SCORE / 2) for h in thin], 1000) or "")


@pytest.mark.slow
def test_every_field_begins_as_fog_and_may(clip_model: Clip):
    assert find_problem(seen(newborn(), clip_model, (0, 100)), 1000) is None


def test_a_number_that_is_none_ends_it_at_once(clip_model: Clip):
    scene = newborn()
    assert isinstance(scene.field, NeuralField)
    torch.nn.init.constant_(next(scene.field.net.parameters()), math.nan)
    health = diagnose_views(scene, 3, clip_model, "a red mug")
    assert not health.finite and "lower the learning rate" in (find_problem([health], 1000) or "")


def test_a_score_that_fell_twice_below_its_best_is_a_loss(clip_model: Clip):
    well = diagnose_views(mug(), 100, clip_model, "a red mug")
    fallen = well._replace(step=200, score=0.9 * LOST_SCORE_RATIO * well.score)
    dip = well._replace(step=200, score=1.1 * LOST_SCORE_RATIO * well.score)
    assert "the object was lost" in (find_problem([well, fallen, fallen._replace(step=300)], 1000) or "")
    assert find_problem([well, fallen, well], 1000) is None and find_problem([well, dip, dip], 1000) is None
    unknown = [h._replace(score=h.score / 2) for h in (well, fallen, fallen)]  # it was never recognised: nothing to lose
    assert find_problem(unknown, 1000) is None


def test_a_history_survives_as_numbers(clip_model: Clip):
    history = [
        diagnose_views(mug(), 100, clip_model, "a red mug"),
        FieldDiagnostics(200, False, math.nan, math.nan, math.nan, ()),
    ]
    again = diagnostics_from_tensor(diagnostics_to_tensor(history))
    assert again[0] == history[0] and str(again[1]) == str(history[1]) and again[1].to_json()["score"] is None
    assert diagnostics_from_tensor(diagnostics_to_tensor([])) == []


def test_nothing_is_said_before_anything_was_seen():
    assert find_problem([], 1000) is None


def test_a_look_takes_less_than_a_second_of_one_core(clip_model: Clip):
    scene, began = newborn(), time.process_time()
    diagnose_views(scene, 0, clip_model, "a red mug")
    assert time.process_time() - began < 2  # a slow machine's second

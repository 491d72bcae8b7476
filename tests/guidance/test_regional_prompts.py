"""Prompts of their own for every view: one spec is plain guidance, and each row hears what it should."""

from __future__ import annotations

import pytest
import torch

from synoptic.guidance.cfg import cfg
from synoptic.guidance.regional_prompts import (
    PromptSpec,
    interpolate_prompts,
    one_per_region,
    regional_cfg,
)
from synoptic.models.base import Conditioning
from synoptic.sampling.joint import canonical
from synoptic.views.regions import WindowsWithRegions, feather_mask, make_region
from synoptic.views.subset import ViewSubset
from synoptic.views.windows import Windows
from tests.exact import normal

CANVAS, SIDE, STRIDE = (8, 16, 24), (16, 16), (8, 8)
GROUND = Windows(CANVAS, SIDE, STRIDE)
PROMPTS = ["a photo of a horse", "a photo of snowy mountains"]


def everyone(views):
    return torch.ones(len(views), 1)


def last(model, predict, views, z):
    *_, step = canonical(predict, model.schedule, views, z, steps=model.schedule.steps(2))
    return step.x


@pytest.fixture(scope="module")
def plain(sd32):
    z = normal(2, *CANVAS).float()
    return z, last(sd32, cfg(sd32, PROMPTS, 5.0, "a photo of a dog"), GROUND, z)


def test_one_voice_or_equal_ones_are_plain_guidance(sd32, plain):
    z, x = plain
    spec = PromptSpec(PROMPTS, "a photo of a dog", 5.0)
    for stops, mix in (
        (1, everyone),
        (3, interpolate_prompts(3, CANVAS)),
        (2, interpolate_prompts(2, CANVAS, circular=True)),
    ):
        torch.testing.assert_close(last(sd32, regional_cfg(sd32, [spec] * stops, mix), GROUND, z), x, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_regions_of_the_same_prompt_are_plain_where_they_share_the_windows(sd32, plain):
    z, x = plain
    spec = PromptSpec(PROMPTS, "a photo of a dog", 5.0)
    whole = make_region(torch.ones(CANVAS[1:]), 4, SIDE, STRIDE)
    left = feather_mask(torch.arange(24).expand(16, 24) < 10, 4)
    views = WindowsWithRegions(GROUND, [make_region(left, 4, SIDE, STRIDE), whole])
    torch.testing.assert_close(
        last(sd32, regional_cfg(sd32, [spec] * 3, one_per_region(everyone)), views, z), x, rtol=0, atol=1e-4
    )


def test_each_region_is_painted_by_its_own_prompt_negative_and_guidance(sd32):
    z, half = normal(1, *CANVAS).float(), torch.arange(24).expand(16, 24) >= 8
    views = WindowsWithRegions(GROUND, [make_region(half.double(), 4, SIDE, STRIDE)])
    every = [PromptSpec(PROMPTS[:1], "", 5.0), PromptSpec(PROMPTS[1:], "a photo of a dog", 2.0)]
    x0 = views.unproject(regional_cfg(sd32, every, one_per_region(everyone))(views.project(z), 500, views).x0)
    right = cfg(sd32, PROMPTS[1:], 2.0, "a photo of a dog")(z[..., 8:], 500).x0
    torch.testing.assert_close(x0[..., 8:], right, rtol=0, atol=1e-4)


def test_a_part_of_the_views_hears_what_it_hears_among_all(sd32):
    z = normal(2, *CANVAS).float()
    predict = regional_cfg(sd32, [PromptSpec([p] * 2, "", 5.0) for p in PROMPTS], interpolate_prompts(2, CANVAS))
    x, part = GROUND.project(z), ViewSubset(GROUND, [1, 0])
    torch.testing.assert_close(
        predict(part.select(x), 500, part).x0, part.select(predict(x, 500, GROUND).x0), rtol=0, atol=1e-4
    )


def test_travel_hears_the_first_at_the_left_and_the_last_at_the_right():
    views = Windows((4, 4, 400), (4, 4), (4, 4))
    w = interpolate_prompts(3, (4, 4, 400))(views)
    torch.testing.assert_close(w.sum(1), torch.ones(100, dtype=w.dtype))
    assert w[0, 0] > 0.98 and w[-1, 2] > 0.98 and w[50, 1] > 0.97
    assert (w[:, 0].diff() <= 1e-9).all() and (w[:, 2].diff() >= -1e-9).all()


def test_travel_around_a_loop_has_no_place_where_it_jumps():
    w = interpolate_prompts(2, (4, 4, 400), circular=True)(Windows((4, 4, 400), (4, 4), (4, 4), circular=True))
    assert (w - w.roll(1, 0)).abs().max() < 0.03 and (w.max(0).values > 0.97).all()


def test_mixed_conditions_have_a_row_a_picture_and_view():
    conds = [Conditioning(text=normal(2, 3, 5, seed=k)) for k in range(2)]
    w = torch.tensor([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]], dtype=torch.float64)
    rows = Conditioning.mix(conds, w).text
    assert rows.shape == (6, 3, 5)
    torch.testing.assert_close(rows[3 + 1], 0.25 * conds[0].text[1] + 0.75 * conds[1].text[1])

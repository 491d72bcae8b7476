"""Which times are drawn."""

from __future__ import annotations

import pytest
import torch

from synoptic.distillation.timesteps import (
    alternating_timesteps,
    falling_timesteps,
    linear_schedule,
    narrowing_timesteps,
    noisier_timesteps,
    uniform_timesteps,
)
from tests.exact import generators


def test_uniform_reaches_both_ends_and_a_row_has_its_own():
    draw, rngs = uniform_timesteps(3, 6), generators(4)
    every = torch.stack([draw(k, rngs) for k in range(60)])
    assert all(set(column.tolist()) == {3, 4, 5, 6} for column in every.T)
    assert torch.equal(draw(0, generators(4))[2:], draw(0, generators(4)[2:]))


def test_narrowing_lowers_the_upper_end():
    draw, rngs = narrowing_timesteps(20, 980, 500, 100), generators(1)
    assert [max(draw(step, rngs).item() for _ in range(400)) > 900 for step in (0, 100, 1000)] == [True, False, False]
    assert all(20 <= draw(1000, rngs) <= 500 for _ in range(400))


def test_falling_is_linear_or_by_the_root():
    assert [falling_timesteps(980, 20, 96)(k, generators(2)).tolist()[0] for k in (0, 24, 48, 96, 200)] == [
        980,
        740,
        500,
        20,
        20,
    ]
    assert falling_timesteps(980, 20, 96, 0.5)(24, generators(1)).item() == 500
    assert [linear_schedule(0, 1, 4)(k) for k in (0, 1, 4, 9)] == [0, 0.25, 1, 1]


def test_every_second_time_is_a_noisier_one():
    draw, low = alternating_timesteps(980, 100, 100), falling_timesteps(980, 100, 100, 0.5)
    times, rngs = [draw(step, generators(2)) for step in range(100)], generators(1)
    falling = [low(step, generators(2)) for step in range(100)]
    noisier = [k for k in range(100) if not torch.equal(times[k], falling[k])]
    assert noisier and all(k % 2 == 1 for k in noisier) and len(noisier) > 40
    assert all((times[k] >= falling[k]).all() and (times[k] <= 980).all() for k in noisier)
    assert len({row.item() for row in times[41]}) == 2  # a row has its own
    every = [draw(41, rngs).item() for _ in range(400)]
    assert min(every) < low(41, rngs).item() + 20 and max(every) > 960


def test_noisier_times_are_drawn_from_the_root_up():
    draw = noisier_timesteps(980, 100, 100)
    assert draw(0, generators(2)).tolist() == [980, 980]
    every = torch.cat([draw(25, generators(400)), draw(100, generators(400))]).view(2, 400)
    assert every.min(1).values.tolist() == pytest.approx([540, 100], abs=20)  # 980 - 880 sqrt(k / 100)
    assert every.max(1).values.tolist() == pytest.approx([980, 980], abs=20)


@pytest.mark.parametrize(
    "make",
    [
        lambda: uniform_timesteps(5, 4),
        lambda: narrowing_timesteps(50, 980, 40, 9),
        lambda: falling_timesteps(9, 10, 5),
        lambda: alternating_timesteps(9, 10, 5),
        lambda: noisier_timesteps(9, 10, 5),
    ],
)
def test_times_the_wrong_way_round_are_refused(make):
    with pytest.raises(ValueError, match="first"):
        make()

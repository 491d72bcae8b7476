"""Seed search: successive halving keeps what scores best, and what it finishes is what would be painted without it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from synoptic.search import PLAN, halving
from synoptic.stages import Together
from synoptic.views.anagram import Anagram
from synoptic.views.names import view

PAIR = ["an oil painting of a horse", "an oil painting of a snowy mountain village"]
CANVAS = (3, 16, 16)
NOISY: dict[str, Any] = {"space": "instance", "start": "independent"}


def views_of(*names: str) -> Anagram:
    return Anagram(CANVAS, [view(name) for name in names])


def rngs(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Known:
    """A score that says which picture it was shown, and prefers small seeds: 0, 1, … in the order the search has them."""

    def __init__(self, alive: list[int]) -> None:
        self.alive, self.seen = alive, []

    def __call__(self, z: Tensor) -> Tensor:
        self.seen.append(z)
        scores = -torch.tensor(self.alive[: len(z)], dtype=torch.float32)
        self.alive = sorted(self.alive)
        return scores


@pytest.mark.parametrize("how", [{}, {"sampler": "dpm++"}, {"sampler": "dpm++", **NOISY}, {"eta": 1.0}], ids=str)
def test_halving_keeps_the_best_and_finishes_them_as_if_alone(how, pixel32):
    """Pictures that went on are bitwise themselves up to rounding: state, memory and generators go with them."""
    together, views = Together(PAIR, 5, 4.0, **how), views_of("identity", "rotate_cw")
    score = Known([4, 2, 0, 5, 1, 3])
    plan = [(0.2, 0.5), (0.6, 1 / 3)]
    rounds = list(halving(together, pixel32, views, [4, 2, 0, 5, 1, 3], score, keep=2, plan=plan))
    assert [(r.steps, r.seeds) for r in rounds] == [(1, [0, 1, 2, 3, 4, 5]), (3, [0, 1, 2]), (5, [0, 1])]
    assert [r.scores for r in rounds][-1] == [0, -1]
    *_, alone = together.paint(pixel32, views, rngs(0, 1))
    assert alone.x.std() > 0.1 and (score.seen[-1] - alone.x).abs().max() < 1e-4


def test_scores_are_of_what_the_step_believes_and_in_the_end_of_the_picture(pixel32):
    together, views = Together(PAIR, 5, **NOISY), views_of("identity", "flip")
    score = Known([0, 1])
    list(halving(together, pixel32, views, [0, 1], score, keep=2, plan=[(0.4, 1.0)]))
    steps = list(together.go(pixel32, views, together.begin(pixel32, views, rngs(0, 1)), rngs(0, 1)))
    assert torch.equal(score.seen[0], views.unproject(steps[1].x0))
    assert (score.seen[1] - views.unproject(steps[-1].x)).abs().max() < 1e-5


def test_an_empty_plan_paints_all_and_takes_the_best(pixel32):
    def score(z: Tensor) -> Tensor:
        return z.mean((1, 2, 3))

    together, views = Together(PAIR, 3), views_of("identity", "rotate_cw")
    (only,) = halving(together, pixel32, views, range(7, 12), score, plan=())
    *_, every = together.paint(pixel32, views, rngs(*range(7, 12)))
    order = score(every.x).argsort(descending=True)
    assert only.seeds == [7 + int(k) for k in order] and only.steps == 3
    assert only.scores == pytest.approx(score(every.x)[order].tolist(), abs=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_the_plan_fits_any_number_of_steps(steps, pixel32):
    together, views = Together(PAIR, steps), Anagram((3, 8, 8), [view("identity"), view("negate")])
    rounds = list(halving(together, pixel32, views, range(16), Known(list(range(16)))))
    stops = [r.steps for r in rounds]
    assert stops == sorted(set(stops)) and stops[-1] == steps
    left = [len(r.seeds) for r in rounds]
    assert left[0] == 16 and (left == [16, 6, 3, 2] if len(left) == len(PLAN) + 1 else left == sorted(left, reverse=True))


def test_at_least_as_many_go_on_as_are_kept(pixel32):
    views = Anagram((3, 8, 8), [view("identity"), view("negate")])
    rounds = list(halving(Together(PAIR, 10), pixel32, views, range(5), Known(list(range(5))), keep=4))
    assert [len(r.seeds) for r in rounds] == [5, 4, 4, 4]

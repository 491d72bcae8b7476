"""Seed search: the best of a quick heat are painted whole, and the best of those is what is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from synoptic.sampling.joint_sampler import JointSampler, prompts_per_view
from synoptic.sampling.seed_search import seed_search
from synoptic.sampling.step import Step
from synoptic.views.anagram import Anagram
from synoptic.views.registry import get_view
from tests.labels import label
from tests.quick import slow_ones

PAIR = ["an oil painting of a horse", "an oil painting of a snowy mountain village"]
NOISY: dict[str, Any] = {"space": "instance", "init": "independent"}


def views_of(*names: str) -> Anagram:
    return Anagram((3, 16, 16), [get_view(name) for name in names])


def joint(prompts: list[str], steps: int, scale: float = 1.0, **how: Any) -> JointSampler:
    return JointSampler(prompts_per_view(prompts, scale), steps, **how)


def rngs(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Mean:
    """A score that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, step: Step) -> Tensor:
        self.seen.append(step.canvas)
        return step.canvas.mean((1, 2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"sampler": "dpm++"}, NOISY, {"eta": 1.0}, {"sampler": "ddpm"}], ids=label)
def test_the_heat_is_the_quick_pictures_and_the_final_the_pictures_themselves(how, pixel32):
    joint_sampler, views, score = joint(PAIR, 5, 4.0, **how), views_of("identity", "rotate_cw"), Mean()
    first, last = seed_search(joint_sampler, pixel32, views, range(7, 13), score, screening_steps=2)
    quick = replace(joint_sampler, num_steps=2, sampler="dpm++", eta=0.0)
    *_, all_quick = quick.sample(pixel32, views, rngs(*range(7, 13)))
    assert torch.equal(score.seen[0], all_quick.canvas)
    order = [7 + int(k) for k in all_quick.canvas.mean((1, 2, 3)).argsort(descending=True)]
    assert first.steps == 2 and first.seeds == order and first.scores == sorted(first.scores, reverse=True)
    *_, whole = joint_sampler.sample(pixel32, views, rngs(*order[:2]))
    assert last.steps == 5 and sorted(last.seeds) == sorted(order[:2])
    assert whole.canvas.std() > 0.1 and (score.seen[1] - whole.canvas).abs().max() < 1e-4
    assert last.scores == pytest.approx(whole.canvas.mean((1, 2, 3)).sort(descending=True).values.tolist(), abs=1e-5)


@pytest.mark.parametrize("steps", slow_ones([1, 2, 3], [3]))
def test_so_few_steps_are_their_own_heat(steps, pixel32):
    joint_sampler, views, score = joint(PAIR, steps), views_of("identity", "rotate_cw"), Mean()
    (only,) = seed_search(joint_sampler, pixel32, views, range(7, 12), score, screening_steps=3)
    *_, every = joint_sampler.sample(pixel32, views, rngs(*range(7, 12)))
    assert only.steps == steps and torch.equal(score.seen[0], every.canvas)
    assert only.seeds == [7 + int(k) for k in every.canvas.mean((1, 2, 3)).argsort(descending=True)]


@pytest.mark.slow
def test_twice_as_many_are_finalists_as_are_kept(pixel32):
    views = views_of("identity", "negate")
    assert [
        len(r.seeds) for r in seed_search(joint(PAIR, 3), pixel32, views, range(7), Mean(), keep=3, screening_steps=1)
    ] == [7, 6]
    assert [
        len(r.seeds) for r in seed_search(joint(PAIR, 3), pixel32, views, range(5), Mean(), keep=4, screening_steps=1)
    ] == [5, 5]

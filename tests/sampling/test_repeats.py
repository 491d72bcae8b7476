"""Views that repeat their middle steps, and end with the first alone: on the bundled latent model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synoptic.sampling.joint_sampler import JointSampler, prompts_per_view
from synoptic.sampling.repeats import RepeatingSampler, repeats_of
from synoptic.views.anagram import Anagram
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.registry import get_view

PAIR = ["a photo of a horse", "a photo of a snowy mountain village"]
APART: dict[str, Any] = {"space": "instance", "init": "independent"}


def views_of(model, *names: str) -> PixelSpace:
    side = model.checkpoint.native_size
    return PixelSpace(Anagram((3, side, side), [get_view(name) for name in names]), model.encode, model.decode)


def rngs() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (0, 1)]


def test_the_middle_is_repeated_and_the_end_is_not():
    assert repeats_of(10, 3) == [1, 1, 3, 3, 3, 3, 3, 3, 1, 1]
    assert repeats_of(10, 3, first_alone=0.5) == [1, 1, 3, 3, 3, 1, 1, 1, 1, 1]
    assert repeats_of(3, 1) == [1, 1, 1]


@pytest.mark.slow
def test_without_repeats_it_is_the_joint_sampler(sd32):
    views = views_of(sd32, "identity", "rotate_cw")
    plain = JointSampler(prompts_per_view(PAIR, 3.0), 2, **APART).sample(sd32, views, rngs())
    ours = RepeatingSampler(prompts_per_view(PAIR, 3.0), 2, **APART).sample(sd32, views, rngs())
    for a, b in zip(plain, ours, strict=True):
        torch.testing.assert_close(a.canvas, b.canvas, rtol=0, atol=1e-5)
        assert (a.i, a.n) == (b.i, b.n)


@pytest.mark.slow
def test_alone_from_the_start_is_a_picture_of_the_first_prompt(sd32):
    """Alone at every step, the first of two views is what one view by itself paints from the same noise."""
    predict_for, alone = prompts_per_view(PAIR, 3.0), (views_of(sd32, "identity"), prompts_per_view(PAIR[:1], 3.0))
    ours = RepeatingSampler(predict_for, 3, first_alone=1.0, first=alone, **APART)
    *_, found = ours.sample(sd32, views_of(sd32, "identity", "rotate_cw"), rngs())
    noise = ours.init_noise(sd32, views_of(sd32, "identity", "rotate_cw"), rngs())[::2]
    *_, expected = JointSampler(alone[1], 3, **APART).steps(sd32, alone[0], noise, rngs())
    torch.testing.assert_close(found.canvas, expected.canvas, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_repeats_are_steps_of_fresh_noise(sd32):
    views = views_of(sd32, "identity", "rotate_cw")
    steps = list(RepeatingSampler(prompts_per_view(PAIR, 3.0), 3, repeats=2, **APART).sample(sd32, views, rngs()))
    assert [step.i for step in steps] == list(range(5)) and {step.n for step in steps} == {5}  # steps 1 and 2 of 0, 1, 2
    assert steps[1].t == steps[2].t and not torch.equal(steps[1].x, steps[2].x)


def test_alone_without_its_projection_is_refused(sd32):
    with pytest.raises(ValueError, match="not given by itself"):
        list(
            RepeatingSampler(prompts_per_view(PAIR), 1, first_alone=1.0, space="instance", init="independent").sample(
                sd32, views_of(sd32, "identity", "rotate_cw"), rngs()
            )
        )

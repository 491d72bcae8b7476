"""Guidance on the bundled models: the formula, and results that no batch, micro-batch or lack of memory can change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time, randn
from synoptic.errors import InputError
from synoptic.guidance.batching import predict_branches
from synoptic.guidance.cfg import Predict, cfg, within_interval
from synoptic.models.base import Conditioning, Denoiser
from synoptic.sampling.single import sample
from tests.quick import slow_ones

PROMPTS = ["a photo of a horse", "an oil painting of snowy mountains", "a watercolor of a village"]
SMALL = 8  # the networks are convolutional: a few pixels are enough where no picture is decoded


class Watched:
    """A model that keeps the rows of every call, on a machine with memory for `room` rows."""

    def __init__(self, model: Denoiser, room: int = 1000) -> None:
        self.model, self.room = model, room
        self.calls: list[int] = []
        self.schedule, self.shape, self.factor = model.schedule, model.shape, model.factor
        self.device, self.dtype, self.row_bytes = model.device, model.dtype, model.row_bytes
        self.embed, self.encode, self.decode = model.embed, model.encode, model.decode

    def predict(self, x: Tensor, t: Time, cond: Conditioning) -> Pred:
        self.calls.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError
        return self.model.predict(x, t, cond)


@pytest.fixture(params=[("sd32", 1e-5), ("sd64", 1e-10)], ids=["float32", "float64"])
def precise(request) -> tuple[Denoiser, float]:
    """A model and how close its predictions are to be."""
    name, tolerance = request.param
    return request.getfixturevalue(name), tolerance


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def start(model: Denoiser, seeds: Sequence[int], side: int | None = SMALL) -> Tensor:
    C, h, w = model.shape
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    return randn((C, side or h, side or w), rngs, torch.empty(0, dtype=model.dtype))


def close(a: Pred, b: Pred, tolerance: float) -> None:
    """Equal to `tolerance` of the largest value: x0 carries 1 / alpha_t times the network's rounding."""
    for u, v in ((a.x0, b.x0), (a.eps, b.eps)):
        torch.testing.assert_close(u, v, rtol=0, atol=tolerance * max(1.0, v.abs().max().item()))


def test_scale_one_is_a_single_branch(sd32):
    model, x = Watched(sd32), start(sd32, [1, 2])
    p = cfg(model, PROMPTS[:2], 1.0, negative_prompt="a horse")(x, 500)
    assert model.calls == [2]
    plain = sd32.predict(x, 500, sd32.embed(PROMPTS[:2]))
    assert torch.equal(p.x0, plain.x0) and torch.equal(p.eps, plain.eps)


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), "3", None, True, [3.0], torch.ones(2)], ids=str)
def test_a_scale_that_is_no_finite_number_is_refused(sd32, scale):
    with pytest.raises(InputError, match="scale must be a finite number") as e:
        cfg(sd32, PROMPTS[:1], scale)
    assert e.value.rule == "scale-type"


def test_scales_of_other_types_are_numbers(sd32):
    x = start(sd32, [1])
    whole = cfg(sd32, PROMPTS[:1], 3.0)(x, 500)
    scales: list[Any] = [3, np.float32(3.0), torch.tensor(3.0)]
    for scale in scales:
        close(cfg(sd32, PROMPTS[:1], scale)(x, 500), whole, 1e-6)


@pytest.mark.parametrize("prompts", ["a fox", [], [1], [None], b"a fox", {"a fox": 1}], ids=str)
def test_prompts_that_are_no_list_of_texts_are_refused(sd32, prompts):
    with pytest.raises(InputError, match="prompts must be a list of texts") as e:
        cfg(sd32, prompts, 3.0)
    assert e.value.rule == "prompts-type"


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_rows_that_are_no_views_of_each_prompt_are_refused(sd32, rows):
    predict = cfg(sd32, PROMPTS[:2], 3.0)
    with pytest.raises(InputError, match=f"{rows} rows and 2 prompts") as e:
        predict(torch.zeros(rows, *sd32.shape), 500)
    assert e.value.rule == "rows-prompts"


@pytest.mark.parametrize("negative", slow_ones(["", "a photo of a horse"], [""]))
def test_guidance_is_null_plus_scale_times_the_difference(precise, negative):
    model, tolerance = precise
    x, t, scale = start(model, [1, 2]), 300, 3.0
    p = cfg(model, PROMPTS[:2], scale, negative)(x, t)
    cond = model.predict(x, t, model.embed(PROMPTS[:2]))
    null = model.predict(x, t, model.embed([negative, negative]))
    x0, eps = (getattr(null, k) + scale * (getattr(cond, k) - getattr(null, k)) for k in ("x0", "eps"))
    close(p, Pred(x0, eps), tolerance)
    assert (p.eps - cond.eps).abs().max() > 100 * tolerance


def test_a_negative_prompt_changes_the_prediction(sd32):
    x = start(sd32, [1])
    with_, without = (cfg(sd32, PROMPTS[:1], 5.0, negative)(x, 300) for negative in (PROMPTS[1], ""))
    assert (with_.eps - without.eps).abs().max() > 0.01


@pytest.mark.parametrize(
    "t",
    [pytest.param(300, marks=pytest.mark.slow), torch.tensor([900, 300, 20])],
    ids=["one time", "a time a row"],
)
def test_predictions_do_not_depend_on_micro_batches(precise, t):
    model, tolerance = precise
    x, expected = start(model, [1, 2, 3]), {1: [1] * 6, 3: [2, 2, 2], 4: [4, 2], 5: [4, 2], 1000: [6]}
    cond = {"cond": model.embed(PROMPTS), "null": model.embed([""] * 3)}
    every = {}
    for rows, calls in expected.items():
        watched = Watched(model)
        every[rows] = predict_branches(watched, cond, max_rows=rows)(x, t)
        assert watched.calls == calls
    for rows in expected:
        for name in cond:
            close(every[rows][name], every[1][name], tolerance)


def test_a_tensor_of_times_gives_each_row_its_own(sd64):
    x, t = start(sd64, [1, 2, 3]), torch.tensor([900, 300, 20])
    together = cfg(sd64, PROMPTS, 3.0, max_rows=4)(x, t)
    for k in range(3):
        alone = cfg(sd64, PROMPTS[k : k + 1], 3.0)(x[k : k + 1], int(t[k]))
        close(Pred(together.x0[k : k + 1], together.eps[k : k + 1]), alone, 1e-10)


def test_every_view_of_a_picture_has_its_prompt(sd64):
    x = start(sd64, range(6))
    together = cfg(sd64, PROMPTS[:2], 3.0, max_rows=5)(x, 300)
    for b in range(2):
        rows = slice(3 * b, 3 * b + 3)
        alone = cfg(sd64, [PROMPTS[b]] * 3, 3.0)(x[rows], 300)
        close(Pred(together.x0[rows], together.eps[rows]), alone, 1e-10)


@pytest.mark.parametrize(
    ("room", "first", "later"),
    [pytest.param(2, [6, 2, 2, 2], [2, 2, 2], marks=pytest.mark.slow), (1, [6, 2, *[1] * 6], [1] * 6)],
)
def test_running_out_of_memory_halves_the_rows_and_changes_nothing(sd64, room, first, later):
    x, small = start(sd64, [1, 2, 3]), Watched(sd64, room)
    predict = cfg(small, PROMPTS, 3.0, max_rows=1000)
    whole = cfg(sd64, PROMPTS, 3.0, max_rows=1000)(x, 300)
    close(predict(x, 300), whole, 1e-10)
    assert small.calls == first
    close(predict(x, 300), whole, 1e-10)
    assert small.calls == first + later


def test_running_out_of_memory_midway_keeps_the_rows_that_were_done(sd64):
    x, model = start(sd64, [1, 2, 3]), Watched(sd64, 4)
    predict = cfg(model, PROMPTS, 3.0, max_rows=4)
    whole = predict(x, 300)
    assert model.calls == [4, 2]

    class Filling(Watched):
        def predict(self, x: Tensor, t: Time, cond: Conditioning) -> Pred:
            self.room = 1 if self.calls else self.room
            return super().predict(x, t, cond)

    filling = Filling(sd64, 4)
    close(cfg(filling, PROMPTS, 3.0, max_rows=4)(x, 300), whole, 1e-10)
    assert filling.calls == [4, 2, 1, 1]


def test_out_of_memory_at_one_row_is_raised(sd32):
    model = Watched(sd32, 0)
    with pytest.raises(torch.OutOfMemoryError):
        cfg(model, PROMPTS[:2], 3.0)(start(sd32, [1, 2]), 300)
    assert model.calls == [4, 2, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tolerance"), [("sd32", 1e-3), ("sd64", 1e-9)])
def test_a_picture_is_the_same_in_every_batch_and_micro_batch(request, name, tolerance):
    model: Denoiser = request.getfixturevalue(name)

    def paint(which: list[int], rows: int | None) -> tuple[Tensor, Tensor]:
        x = start(model, [10 + k for k in which], None)
        predict = cfg(model, [PROMPTS[k] for k in which], 5.0, max_rows=rows)
        *_, last = sample(predict, model.schedule, x, steps=model.schedule.steps(2))
        return x[which.index(1)], model.decode(last.x)[which.index(1)]

    noise, picture = paint([1], None)
    for which, rows in (([0, 1, 2], None), ([2, 1], 3)):
        same_noise, same_picture = paint(which, rows)
        assert torch.equal(same_noise, noise)
        torch.testing.assert_close(same_picture, picture, rtol=0, atol=tolerance)
    assert picture.std() > 0.05


def test_clip_acts_on_the_guided_x0_and_eps_follows(sd64):
    x, t = start(sd64, [1, 2]), 700
    free = cfg(sd64, PROMPTS[:2], 5.0)(x, t)
    clipped = cfg(sd64, PROMPTS[:2], 5.0, clip=lambda x0: x0.clamp(-1, 1))(x, t)
    assert free.x0.abs().max() > 1.5
    assert torch.equal(clipped.x0, free.x0.clamp(-1, 1))
    a, sigma = sd64.schedule(t)
    torch.testing.assert_close(a * clipped.x0 + sigma * clipped.eps, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("rows", slow_ones([1, 3, 1000], [1, 1000]))
def test_learned_variance_rides_along_from_the_conditional_branch(pixel32, scale, rows):
    x, t = start(pixel32, [1, 2]), 300
    p = cfg(pixel32, PROMPTS[:2], scale, clip=lambda x0: x0.clamp(-1, 1), max_rows=rows)(x, t)
    cond, null = (pixel32.predict(x, t, pixel32.embed(q)).var for q in (PROMPTS[:2], ["", ""]))
    assert p.var is not None and cond is not None and null is not None
    assert p.var.shape == p.x0.shape == x.shape
    torch.testing.assert_close(p.var, cond, rtol=0, atol=1e-5)
    assert (p.var - null).abs().max() > 1e-3


def test_a_model_without_learned_variance_gives_none(sd32):
    assert cfg(sd32, PROMPTS[:1], 3.0)(start(sd32, [1]), 300).var is None


@pytest.mark.parametrize("n", [1, 6, 7, 20, 25, 50])
def test_the_steps_of_an_interval_are_guided_and_no_others(n):
    """From every share k/n to every later one: steps k to l - 1."""
    times = [1000 - 13 * i for i in range(n + 1)]
    steps, here = list(pairwise(times)), torch.zeros(1)

    def always(value: float) -> Predict:
        return lambda x, t, views=None: Pred(torch.full_like(x, value), x)

    for k in range(n):
        for end in range(k + 1, n + 1):
            predict = within_interval((k / n, end / n), steps, always(1), always(0))
            assert [bool(predict(here, t).x0) for t, _ in steps] == [k <= i < end for i in range(n)]

"""Levers that ask the network less often: exact where they change nothing, and no more calls than they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import synoptic as syn
from synoptic.models import deepcache


@pytest.fixture(scope="module")
def model():
    return syn.load("bundled", device="cpu", dtype="float32")


def picture(model, **options) -> np.ndarray:
    return np.asarray(syn.generate(model, "a photo of a lake", steps=2, seed=1, **options).images[0], dtype=float)


@pytest.mark.slow
def test_the_network_runs_whole_at_every_second_step(model, monkeypatch):
    whole, shallow = [], []
    for name, calls in (("full_forward", whole), ("shallow_forward", shallow)):
        run = getattr(deepcache, name)

        def counted(*args, run=run, calls=calls, **kwargs):
            calls.append(len(args[1]))
            return run(*args, **kwargs)

        monkeypatch.setattr(deepcache, name, counted)
    how = {"steps": 3, "seed": 1}
    cached = [step.canvas for step in syn.generate.steps(model, "a photo of a lake", deepcache=2, **how)]
    assert (whole, shallow) == ([2, 2], [2])
    plain = [step.canvas for step in syn.generate.steps(model, "a photo of a lake", **how)]
    assert [torch.equal(a, b) for a, b in zip(cached, plain, strict=True)] == [True, False, False]


@pytest.mark.slow
def test_an_interval_of_all_steps_is_plain_guidance(model):
    assert np.array_equal(picture(model, guidance_interval=(0.0, 1.0)), picture(model))


@pytest.mark.slow
def test_views_are_guided_in_the_interval_alone(monkeypatch):
    model, rows = syn.load("bundled-if", device="cpu", dtype="float32"), []
    predict = type(model).predict
    monkeypatch.setattr(type(model), "predict", lambda self, x, *args: rows.append(len(x)) or predict(self, x, *args))
    how = {"steps": 4, "upscalers": "none", "seed": 1}
    syn.anagram(model, "a lion", "a sunflower", guidance_interval=(0.0, 0.5), **how)
    assert rows == [4, 4, 2, 2]  # two views, with and without their prompts; then with them alone


@pytest.mark.slow
def test_an_upscaler_takes_as_many_steps_as_it_is_given():
    model = syn.load("bundled-if", device="cpu")
    with torch.no_grad():
        steps = list(syn.generate.steps(model, "a lake", steps=2, upscaler_steps=1))
    assert [step.n for step in steps] == [3, 3, 3] and steps[-1].canvas.shape[-1] == 256

"""Threads that load and paint at once get the bits that each gets alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

import synoptic as syn
from synoptic.models import load_once
from synoptic.models.load import load_upscaler
from synoptic.nerf.serialization import blob_scene

PROMPTS = ("a lemon", "a photo of a forest", "an oil painting of a dog", "a red car")


def at_once(calls: Sequence[Callable[[], np.ndarray]]) -> list[np.ndarray]:
    """Return the results of all calls, each made in a thread of its own, begun together."""
    gate, results, failures = threading.Barrier(len(calls)), dict[int, np.ndarray](), list[BaseException]()

    def work(k: int) -> None:
        try:
            gate.wait()
            results[k] = calls[k]()
        except BaseException as e:  # a thread must not swallow it
            failures.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [results[k] for k in range(len(calls))]


def pixels(result: syn.Result) -> np.ndarray:
    return np.asarray(result.images[0])


@pytest.mark.slow
def test_threads_share_one_loaded_model() -> None:
    """With two branches of guidance, with one, with kept features, with adapters of a student, all of one network."""
    model = syn.load("bundled")
    calls = [
        lambda: pixels(syn.generate(model, PROMPTS[0], steps=6, seed=1)),
        lambda: pixels(syn.generate(model, PROMPTS[1], steps=12, seed=2, guidance_scale=1)),
        lambda: pixels(syn.wide(model, PROMPTS[2], width=384, steps=6, seed=3, fast=True)),
        lambda: pixels(syn.distill(model, PROMPTS[3], loss="vsd", steps=4, seed=4)),
    ]
    alone = [call() for call in calls]
    for _ in range(3):
        for one, together in zip(alone, at_once(calls), strict=True):
            assert np.array_equal(one, together)


@pytest.mark.slow
def test_threads_load_models_at_once() -> None:
    """By name: the same model in all, then two models that take each other's place in what is kept."""
    few: dict[str, Any] = {"bundled": {"steps": 3}, "bundled-if": {"steps": 3, "upscaler_steps": 1}}
    for names in (["bundled"] * 4, ["bundled", "bundled-if"] * 2):
        calls = [
            (lambda name=name, k=k: pixels(syn.generate(name, PROMPTS[k], seed=k, **few[name])))
            for k, name in enumerate(names)
        ]
        alone = [call() for call in calls]
        load_once._kept.clear()
        for one, together in zip(alone, at_once(calls), strict=True):
            assert np.array_equal(one, together)


def test_modules_are_whole_that_are_made_while_a_network_loads() -> None:
    """Libraries replace `Module.register_parameter` meanwhile: without a lock one scene in six had parameters on "meta"."""
    ended = threading.Event()

    def load_often() -> None:
        for _ in range(4):
            load_upscaler("bundled-if-ii")
        ended.set()

    thread = threading.Thread(target=load_often)
    thread.start()
    while not ended.is_set():
        first, again = (blob_scene("hash", torch.Generator().manual_seed(1)).state_dict() for _ in range(2))
        assert all(torch.equal(value, again[name]) for name, value in first.items())  # raises for "meta"
    thread.join()

"""A call that is interrupted in the middle of the network leaves a loaded model as it was."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import synoptic as syn
from tests.quick import quick_ones

CALLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "deepcache": (syn.generate, {"steps": 3, "deepcache": 2}),
    "student": (syn.distill, {"steps": 2, "loss": "vsd"}),
}


@pytest.mark.parametrize(
    ("name", "failure"),
    quick_ones(
        list(product(CALLS, [KeyboardInterrupt, RuntimeError])),
        [("deepcache", KeyboardInterrupt), ("student", RuntimeError)],
    ),
)
def test_a_loaded_model_is_itself_after_a_call_that_ended_halfway(name, failure, sd32):
    def picture() -> np.ndarray:
        return np.asarray(syn.generate(sd32, "a lemon", steps=2, seed=1).images[0])

    def stop(*_: object) -> None:
        raise failure

    before, (call, how) = picture(), CALLS[name]
    layers = [part for part in sd32.network.modules() if isinstance(part, torch.nn.Linear)]
    hook = layers[len(layers) // 2].register_forward_pre_hook(stop)
    with pytest.raises(failure):
        call(sd32, "a fox", **how)
    hook.remove()
    assert np.array_equal(picture(), before)

"""Objects from words on random flow transformers: a scene follows them."""

from __future__ import annotations

from typing import Any

import pytest

import synoptic

HOW: dict[str, Any] = {"steps": 3, "resolution": 32, "clip_model": "bundled"}


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["sds", "vsd", "csd"])
@pytest.mark.parametrize("name", ["sd3", "flux-dev", "klein"])
def test_a_scene_follows_a_flow(name, loss, flow_model):
    steps = list(synoptic.text_to_3d.steps(flow_model(name), "a red mug", loss=loss, **HOW))
    assert all(step.x.isfinite().all() for step in steps)
    norms = [step.grad_norm for step in steps if step.grad_norm is not None]
    assert len(norms) == 3 and all((norm > 0).all() and norm.isfinite().all() for norm in norms)

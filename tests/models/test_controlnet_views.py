"""Views that follow a map each: every row its own, whatever the batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synoptic.guidance.batching import predict_branches
from synoptic.models.controlnet import Control, ControlledDenoiser
from synoptic.models.controlnet_views import ViewControlledDenoiser
from synoptic.models.load import load_controlnet


@pytest.mark.slow
def test_every_row_follows_its_own_views_map(sd32):
    net: Any = load_controlnet("bundled-depth", device="cpu", dtype="float32")
    side, rng = 16, torch.Generator().manual_seed(0)  # the networks are convolutional
    maps = torch.rand(2, 3, 8 * side, 8 * side, generator=rng)
    x = torch.randn(4, 8, side, side, generator=rng)  # two pictures of two views
    model = ViewControlledDenoiser(sd32, [Control(net, maps)])
    conds = {name: model.embed([prompt] * 2) for name, prompt in (("cond", "a photo of a lake"), ("null", ""))}
    together, by_three = (predict_branches(model, conds, max_rows=rows)(x, 500) for rows in (8, 3))
    for row in range(4):
        own = ControlledDenoiser(sd32, [Control(net, maps[row % 2 : row % 2 + 1])])
        for name, prompt in (("cond", "a photo of a lake"), ("null", "")):
            alone = own.predict(x[row : row + 1], 500, own.embed([prompt])).x0
            for found in (together, by_three):
                torch.testing.assert_close(found[name].x0[row : row + 1], alone, rtol=0, atol=2e-3)
    swapped = ViewControlledDenoiser(sd32, [Control(net, maps.flip(0))])
    assert (predict_branches(swapped, conds)(x, 500)["cond"].x0 - together["cond"].x0).abs().max() > 0.05
    with pytest.raises(ValueError, match="depends on its place"):
        model.predict(x, 500, model.embed(["a"] * 4))

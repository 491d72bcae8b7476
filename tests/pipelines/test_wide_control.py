"""Wide pictures along a given one's edges."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import synoptic
from synoptic.controlnet.annotators.canny import canny
from synoptic.io import from_pil
from tests.drawings import hills
from tests.references import assert_like_reference

PROMPT = "a photo of snowy mountains"
OPTIONS: dict[str, dict[str, Any]] = {
    "circular": {"windows": "shifted", "circular": True},
    "deepcache": {"deepcache": 2, "condition": ("scribble", "canny")},
    "fast": {"fast": True, "width": 160, "height": 160},
    "region": {"region": "0.5,0,1,1: a photo of a lake", "stride": 32, "width": 256},
    "collage": {"windows": "collage", "width": 192, "height": 128},
    "syncdiffusion": {"syncdiffusion_weight": 5.0, "syncdiffusion_steps": 1, "width": 160},
}


def test_a_wide_picture_follows_the_edges(sd32):
    how: dict[str, Any] = {"steps": 8, "stride": 16, "seed": 3}
    (output,) = synoptic.wide(sd32, PROMPT, control=hills(), **how).outputs
    (plain,) = synoptic.wide(sd32, PROMPT, width=320, **how).images
    drawn = (from_pil(output.files["canny.png"]) > 0)[:, :1]
    assert 0.005 < drawn.float().mean() < 0.1

    def found(image: Any) -> float:
        """Return the share of the map with an edge of the picture within two pixels."""
        near = torch.nn.functional.max_pool2d(canny(from_pil(image))[:, :1], 5, 1, 2)
        return near[drawn].mean().item()

    assert found(output.image) > max(0.4, 2 * found(plain))


@pytest.mark.parametrize("name", OPTIONS)
def test_following_composes(name, sd32):
    (output,) = synoptic.wide(sd32, PROMPT, control=hills(), steps=2, **OPTIONS[name]).outputs
    assert output.image.size == output.files["original.png"].size
    assert_like_reference(f"wide-control-{name}", output.image)

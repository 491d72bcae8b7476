"""Wide pictures along a given one's edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic.controlnet.annotators.canny import canny
from synoptic.io import from_pil
from synoptic.io.circular import close_ends
from synoptic.options.controlnet import ControlNets
from synoptic.pipelines.control_guidance import with_controlnets
from synoptic.pipelines.input_image import InputImage
from tests.drawings import hills
from tests.references import assert_like_reference

PROMPT = "a photo of snowy mountains"
OPTIONS: dict[str, dict[str, Any]] = {
    "circular": {"windows": "shifted", "circular": True},
    "depth": {"condition": "depth", "stride": 32},
    "deepcache": {"deepcache": 2, "condition": ("scribble", "canny")},
    "fast": {"fast": True, "width": 320, "height": 320},
    "region": {"region": "0.5,0,1,1: a photo of a lake", "stride": 32, "width": 512},
    "collage": {"windows": "collage", "width": 384, "height": 256},
    "syncdiffusion": {"syncdiffusion_weight": 5.0, "syncdiffusion_steps": 1, "width": 320},
}


@pytest.mark.slow
def test_a_wide_picture_follows_the_edges(sd32):
    how: dict[str, Any] = {"steps": 8, "stride": 16, "seed": 3}
    (output,) = synoptic.wide(sd32, PROMPT, control=hills(), **how).outputs
    (plain,) = synoptic.wide(sd32, PROMPT, width=640, **how).images
    drawn = (from_pil(output.files["canny.png"]) > 0)[:, :1]
    assert 0.005 < drawn.float().mean() < 0.1

    def found(image: Any) -> float:
        """Return the share of the map with an edge of the picture within two pixels."""
        near = torch.nn.functional.max_pool2d(canny(from_pil(image))[:, :1], 5, 1, 2)
        return near[drawn].mean().item()

    assert found(output.image) > max(0.4, 2 * found(plain))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_following_composes(name, sd32):
    (output,) = synoptic.wide(sd32, PROMPT, control=hills(), steps=2, **OPTIONS[name]).outputs
    assert output.image.size == output.files["original.png"].size
    assert_like_reference(f"wide-control-{name}", output.image)


@pytest.mark.parametrize("condition", ["canny", "scribble"])
def test_a_circular_pictures_maps_roll_with_it(sd32, condition):
    """Drawn of a picture whose ends meet already: a map has no ends of its own."""
    picture = hills()
    width = picture.width
    closed = Image.fromarray(np.concatenate([np.asarray(picture), np.asarray(picture)[:, ::-1]], 1))

    def drawn(image: Image.Image) -> np.ndarray:
        controlnets = ControlNets((condition,), (f"bundled-{condition}",), (1.0,), 0.0, 1.0, None)
        _, files = with_controlnets(sd32, controlnets, InputImage(image, sd32.checkpoint, circular=True))
        return np.asarray(files[f"{condition}.png"])

    rolled = Image.fromarray(np.roll(np.asarray(closed), width // 2, 1))
    assert drawn(closed).max() == 255
    assert (np.roll(drawn(closed), width // 2, 1) != drawn(rolled)).mean() < 0.002


def test_ends_are_made_to_meet_and_the_middle_stays():
    picture = hills().crop((0, 0, 200, 128))
    closed, given = (from_pil(image) for image in (close_ends(picture, 16), picture))
    assert torch.equal(closed[..., 0], closed[..., -1]) and not torch.equal(given[..., 0], given[..., -1])
    assert torch.equal(closed[..., 16:-16], given[..., 16:-16])

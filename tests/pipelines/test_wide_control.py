"""Wide pictures along a given one's edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import synoptic
from synoptic.controlnet.annotators.canny import canny
from synoptic.io import from_pil, load_image, to_pil
from synoptic.models.registry import resolve
from synoptic.options.wide_control import following

PROMPT = "a photo of snowy mountains"
QUICK: dict[str, Any] = {"steps": 2, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def hills(tmp_path_factory) -> Path:
    """A zigzag line between sky and snow, 320 x 128."""
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(320.0), indexing="ij")
    path = tmp_path_factory.mktemp("given") / "hills.png"
    to_pil(torch.where(y > 40 + (x % 80 - 40).abs(), 0.9, -0.6).expand(1, 3, -1, -1))[0].save(path)
    return path


def settled(**given) -> dict:
    settings = {"width": None, "height": None, "layout": None, "condition": None, "controlnet": None} | given
    assert following(resolve("bundled"), settings)
    return settings


@pytest.mark.parametrize(
    ("asked", "size"), [({}, (320, 128)), ({"height": 256}, (640, 256)), ({"width": 200, "height": 128}, (200, 128))]
)
def test_the_picture_gives_its_shape_where_no_size_was_asked_for(hills, asked, size):
    settings = settled(control=str(hills), **asked)
    assert (settings["width"], settings["height"]) == size


def test_a_wide_picture_follows_the_edges(hills, tmp_path):
    how: dict[str, Any] = QUICK | {"steps": 8, "stride": 16, "seed": 3}
    result = synoptic.wide(PROMPT, control=str(hills), out=str(tmp_path / "a"), **how)
    plain = synoptic.wide(PROMPT, width=320, out=str(tmp_path / "b"), **how)
    drawn = (from_pil(load_image(result.run.folder / "canny.png")) > 0)[:, :1]
    assert 0.005 < drawn.float().mean() < 0.1

    def found(images) -> float:
        """The share of the map with an edge of the picture within two pixels."""
        near = torch.nn.functional.max_pool2d(canny(from_pil(images[0]))[:, :1], 5, 1, 2)
        return near[drawn].mean().item()

    assert found(result.images) > max(0.4, 2 * found(plain.images))


@pytest.mark.parametrize(
    "options",
    [
        {"windows": "shifted", "loop": True},
        {"cache": 2, "condition": ["scribble", "canny"]},
        {"fast": True, "width": 160, "height": 160},
        {"region": ["0.5,0,1,1: a photo of a lake"], "stride": 32, "width": 256},
        {"windows": "collage", "width": 192, "height": 128},
        {"coherence": 5.0, "coherence_steps": 1, "width": 160},
    ],
    ids=str,
)
def test_following_composes(hills, options, tmp_path):
    result = synoptic.wide(PROMPT, control=str(hills), out=str(tmp_path), **QUICK, **options)
    (image,) = result.images
    assert (tmp_path / "canny.png").exists() and len(set(image.tobytes())) > 50
    assert image.size == load_image(tmp_path / "original.png").size

"""Panoramas that begin with one: edited as a whole, or where a mask is white."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic import io
from synoptic.metrics.fidelity import psnr
from synoptic.metrics.seams import closing_seam
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.panorama import PanoramaPipeline
from synoptic.pipelines.sphere_views import SphereInit
from synoptic.views.directions import spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.sphere import canvas_rays

DUNES = "a photo of desert dunes"
CUBE: dict[str, Any] = {"num_views": 6, "fov": 100.0}


def meadow(height: int = 128) -> Image.Image:
    """Return a panorama of a sky over a meadow, with no edge but the horizon."""
    up = canvas_rays(height)[..., 1:].float()
    sky, grass = torch.tensor([-0.2, 0.2, 0.9]) + 0.3 * up[..., :1], torch.tensor([-0.4, 0.3, -0.6]) + 0.4 * up[..., :1]
    return io.to_pil(torch.where(up[..., :1] > 0, sky, grass).permute(2, 0, 1)[None])[0]


def mask(height: int = 128) -> Image.Image:
    """Return a mask that is white around the back, and at the upper pole."""
    white = np.zeros((height, 2 * height), np.uint8)
    white[height // 3 : height * 2 // 3, : height // 4] = white[height // 3 : height * 2 // 3, -height // 4 :] = 255
    white[: height // 8] = 255
    return Image.fromarray(white)


def test_what_a_mask_keeps_is_on_the_canvas_and_the_rest_is_not():
    options = PanoramaOptions.from_arguments(DUNES, init_panorama=meadow(), mask=mask(), **CUBE).prepare()
    height = matching_height(100.0, 64)
    views = Equirectangular((3, height, 2 * height), spread_directions(6), 100.0, 64)
    init = SphereInit(options, views)
    found = init.known()
    assert found is not None
    known, where = found
    assert known.shape == (3, height, 2 * height) and where.shape == (height, 2 * height)
    exact = io.from_pil(meadow().resize((2 * height, height), Image.Resampling.BOX))[0]
    assert (known - exact)[:, where].abs().mean() < 0.02
    white = np.asarray(mask().resize((2 * height, height), Image.Resampling.BOX)) > 0
    assert np.array_equal(where.numpy()[views.hit], ~white[views.hit]) and 0.5 < where.float().mean() < 0.95
    painted = init.kept(torch.randn(2, 3, 128, 256, generator=torch.Generator().manual_seed(0)))
    stays = torch.from_numpy(np.asarray(mask()) == 0)
    assert torch.equal(painted[..., stays], io.from_pil(meadow())[..., stays].expand(2, -1, -1))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sd32", "pixel32"])
def test_what_a_mask_keeps_is_as_it_was_and_the_rest_is_painted(model, request):
    given, white = meadow(), np.asarray(mask()) > 0
    how: dict[str, Any] = CUBE | {"steps": 3, "prompt_up": DUNES}
    (image,) = synoptic.panorama(request.getfixturevalue(model), DUNES, init_panorama=given, mask=mask(), **how).images
    before, after = (np.asarray(picture, dtype=int) for picture in (given, image))
    assert image.size == given.size and np.array_equal(before[~white], after[~white])
    assert np.abs(before - after)[white].mean() > 5
    assert closing_seam(image, 1) < 3


def painted(model: Any, **named: Any) -> tuple[int, Image.Image]:
    """Return in how many steps a panorama was painted, and the panorama."""
    options = PanoramaOptions.from_arguments(DUNES, **CUBE | named).resolve(model.checkpoint)
    going, count = PanoramaPipeline(model, options).steps(options.items()), 0
    while True:
        try:
            next(going)
        except StopIteration as end:
            return count, end.value[0].image
        count += 1


@pytest.mark.slow
def test_the_fewer_steps_the_closer_and_only_those_are_taken(sd32):
    given = meadow()
    how: dict[str, Any] = {"steps": 8, "init_panorama": given, "pixels_from": 1}
    counts, images = zip(*(painted(sd32, strength=strength, **how) for strength in (0.25, 0.75)), strict=True)
    found = [psnr(image, given) for image in images]
    assert counts == (2, 6) and found[0] > found[1] + 3 and found[0] > 22

"""Panoramas along distances that are known all around."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import synoptic
from synoptic import io
from tests.drawings import mountains_around

MOUNTAINS = "a photo of snowy mountains"
CUBE: dict[str, Any] = {"num_views": 6, "fov": 100.0, "height": 128}


@pytest.mark.slow
def test_depth_that_does_not_count_changes_nothing_and_its_maps_are_shown(sd32):
    how: dict[str, Any] = CUBE | {"steps": 2}
    without, not_counted, counted = (
        synoptic.panorama(sd32, MOUNTAINS, **how, **named).images[0]
        for named in ({}, {"depth": mountains_around(), "control_strength": 0}, {"depth": mountains_around()})
    )
    plain, zero, followed = (io.from_pil(image) for image in (without, not_counted, counted))
    assert (plain - zero).abs().max() < 3 / 127.5 and (plain - followed).abs().mean() > 0.02


@pytest.mark.slow
def test_mountains_stand_where_the_depth_has_them(sd32):
    depth = mountains_around()
    (image,) = synoptic.panorama(sd32, MOUNTAINS, depth=depth, **CUBE, steps=8).images
    red, _, blue = np.asarray(image, dtype=float).transpose(2, 0, 1)
    sky = np.asarray(depth.resize(image.size, Image.Resampling.NEAREST)) == 0

    def bluer(where: np.ndarray) -> float:
        rows = slice(40, 62)  # of the horizon's views, above the ground
        seen, at = (blue - red)[rows], where[rows]
        return seen[at].mean() - seen[~at].mean()

    assert bluer(sky) > 15 + max(bluer(np.roll(sky, turn, 1)) for turn in (43, 128, 213))


@pytest.mark.slow
def test_a_run_keeps_the_maps_and_the_hash(tmp_path):
    np.save(tmp_path / "valley.npy", np.asarray(mountains_around()))
    named: dict[str, Any] = {"depth": str(tmp_path / "valley.npy"), "out": str(tmp_path / "out"), "device": "cpu"}
    run = synoptic.run("panorama", MOUNTAINS, **CUBE, **named, steps=1)
    assert (tmp_path / "out" / "conditions.png").is_file()
    assert len(run.to_json()["options"]["depth_sha256"]) == 64

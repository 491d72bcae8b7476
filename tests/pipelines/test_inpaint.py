"""Inpainting: what is known comes back to the bit, also through windows, soft masks and turned files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import synoptic
from synoptic import io
from tests.drawings import drawing, white_box
from tests.quick import quick_ones
from tests.references import assert_like_reference

HORSE = "a photo of a horse"
BOX = (30, 20, 60, 50)
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "repaint": {"resample": 2, "jump": 1, "sampler": "ddpm"},
    "eta": {"eta": 0.5, "negative_prompt": "a dog"},
}


def check_known(image: Image.Image, source: Image.Image, mask: Image.Image) -> None:
    """Check that the picture is itself wherever the mask is black, and changed where it is not."""
    same, outside = np.asarray(image) == np.asarray(source), np.asarray(mask) == 0
    assert same[outside].all() and not same[~outside].all(-1).mean() > 0.1


@pytest.mark.parametrize("name", quick_ones(OPTIONS, ["defaults"]))
def test_what_is_known_comes_back_to_the_bit(name, pixel32):
    source, mask = drawing(80, 64), white_box((80, 64), BOX)
    (image,) = synoptic.inpaint(pixel32, source, mask, HORSE, steps=3, **OPTIONS[name]).images
    check_known(image, source, mask)
    assert_like_reference(f"inpaint-{name}", image)


@pytest.mark.slow
def test_a_canvas_may_be_larger_than_the_model_and_no_multiple_of_a_latent(sd32):
    source, mask = drawing(294, 260), white_box((294, 260), (60, 40, 120, 100))
    result = synoptic.inpaint(sd32, source, mask, HORSE, steps=3)
    check_known(result.images[0], source, mask)
    assert_like_reference("inpaint-windows", result.images[0])
    assert result.comparison is not None and result.comparison.rows == [(1, None)]
    last = next(synoptic.inpaint.steps(sd32, source, mask, HORSE, steps=3))
    assert last.preview(side=20).width <= 160


@pytest.mark.slow
def test_a_run_has_its_figure_and_is_not_done_again(tmp_path):
    how: dict[str, Any] = {"steps": 1, "model": "bundled-if", "count": 2, "out": str(tmp_path)}
    first, again = (synoptic.run("inpaint", drawing(80, 64), white_box((80, 64), BOX), HORSE, **how) for _ in range(2))
    assert "sample" not in again.timings and str(again) == str(first)
    assert [line.split("\t")[0] for line in str(first).splitlines()[:3]] == ["seed", "1", "2"]
    assert io.load_image(tmp_path / "inpaint.png").width == 4 * (160 + 8) + 8


@pytest.mark.slow
def test_a_soft_mask_changes_less_than_a_hard_one(pixel32):
    moved = []
    for gray in (255, 60):
        mask = white_box((64, 64), (16, 16, 48, 48), gray)
        (image,) = synoptic.inpaint(pixel32, drawing(64, 64), mask, HORSE, steps=3).images
        moved.append(np.abs(np.asarray(image, float) - np.asarray(drawing(64, 64), float)).mean())
    assert 0 < moved[1] < 0.5 * moved[0]


@pytest.mark.slow
def test_a_mask_is_read_as_its_picture_is(tmp_path, pixel32):
    """Both turned by their EXIF, the mask in 16 bits: what is kept is what a viewer shows outside the white."""
    exif = Image.Exif()
    exif[0x0112] = 6
    drawing(80, 64).save(tmp_path / "source.png", exif=exif)
    white = np.zeros((64, 80), np.uint16)
    white[20:50, 30:60] = 65535
    Image.fromarray(white).save(tmp_path / "mask.png", exif=exif)
    (image,) = synoptic.inpaint(pixel32, tmp_path / "source.png", tmp_path / "mask.png", HORSE, steps=2).images
    turned = Image.fromarray((white >> 8).astype(np.uint8)).rotate(-90, expand=True)
    check_known(image, drawing(80, 64).rotate(-90, expand=True), turned)

import colorsys

import numpy as np
import pytest
from PIL import Image

from synoptic.metrics.saturation import saturation


def test_equals_the_standard_librarys_hsv(blobs):
    pixels = np.asarray(blobs[0]).reshape(-1, 3) / 255
    assert saturation(blobs[0]) == pytest.approx(np.mean([colorsys.rgb_to_hsv(*pixel)[1] for pixel in pixels]), abs=1e-6)


@pytest.mark.parametrize(("color", "expected"), [("red", 1), ("white", 0), ("gray", 0), ("black", 0), ((100, 50, 75), 0.5)])
def test_known_colors(color, expected):
    assert saturation(Image.new("RGB", (8, 8), color)) == pytest.approx(expected, abs=1e-6)


def test_turning_a_picture_changes_nothing_and_mixing_grey_in_lowers_it(blobs):
    assert saturation(blobs[1].rotate(90)) == pytest.approx(saturation(blobs[1]))
    assert saturation(Image.blend(blobs[1], blobs[1].convert("L").convert("RGB"), 0.5)) < saturation(blobs[1])

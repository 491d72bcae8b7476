"""Small pictures of what every option gave when it was written, to compare later runs with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER, SIDE, TOLERANCE = Path(__file__).parent, 16, 6  # levels of 255: half precision and other machines differ by a few


def assert_like_reference(name: str, image: Image.Image) -> None:
    """Compare a picture, made small, with the stored one. With SYNOPTIC_WRITE_REFERENCES=1 it is stored instead."""
    small = image.convert("RGB").resize((SIDE * image.width // image.height, SIDE), Image.Resampling.BOX)
    file = FOLDER / f"{name}.png"
    if os.environ.get("SYNOPTIC_WRITE_REFERENCES"):
        small.save(file, optimize=True)
        return
    with Image.open(file) as stored:
        expected, found = (np.asarray(picture.convert("RGB"), dtype=int) for picture in (stored, small))
    assert found.shape == expected.shape, f"{name}: {found.shape}, {expected.shape} expected"
    assert expected.std() > 8, f"{name}: the reference shows nothing"
    assert np.abs(found - expected).mean() <= TOLERANCE, f"{name} is another picture than before"

"""The picture of docs/panorama.md: a panorama edited as a whole, and in a part. python examples/panorama_edit.py [FILE]"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import synoptic

GIVEN = Path(__file__).parents[1] / "docs" / "pictures" / "gallery" / "panorama-coral-reef.jpg"
REEF, PAINTED = "a photo of a coral reef", "an oil painting of a coral reef"
BACK = 0.16  # the share of the width on both sides of the back that the mask has


def make_mask(width: int, height: int) -> Image.Image:
    """Return a mask that is white around the back, where the picture's ends meet."""
    white = np.zeros((height, width), np.uint8)
    across, rows = round(BACK * width), slice(round(0.3 * height), round(0.72 * height))
    white[rows, :across] = white[rows, -across:] = 255
    return Image.fromarray(white)


def turned(image: Image.Image) -> Image.Image:
    """Return a panorama with what is behind in its middle."""
    return Image.fromarray(np.roll(np.asarray(image), image.width // 2, 1))


def main(file: str = "docs/pictures/panorama-edit.jpg") -> None:
    given = Image.open(GIVEN).convert("RGB")
    mask = make_mask(*given.size)
    (inpainted,) = synoptic.panorama("bundled", REEF, init_panorama=given, mask=mask, steps=8, seed=5).images
    (edited,) = synoptic.panorama("bundled", PAINTED, init_panorama=given, strength=0.6, steps=8).images
    width, height = given.size
    edge = turned(mask).filter(ImageFilter.FIND_EDGES)
    before = Image.composite(Image.new("RGB", given.size, "white"), turned(given), edge)
    figure = Image.new("RGB", (width, 3 * height + 16), "white")
    for k, image in enumerate((before, turned(inpainted), turned(edited))):
        figure.paste(image, (0, k * (height + 8)))
    figure.save(file, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:2])

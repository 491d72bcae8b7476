"""The picture of docs/panorama.md: a second stage of narrower views. python examples/panorama_finer.py [FILE]"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

import synoptic
from synoptic import io
from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective

GIVEN = Path(__file__).parents[1] / "docs" / "pictures" / "gallery" / "panorama-coral-reef.jpg"
REEF = "a photo of a coral reef"
LOOKS, FOV, SIDE = (Direction(5.0, 0.0), Direction(180.0, -8.0)), 50.0, 384


def main(file: str = "docs/pictures/panorama-finer.jpg") -> None:
    given = Image.open(GIVEN).convert("RGB")
    how = {"fov": 45.0, "num_views": 50, "height": 1024, "strength": 0.3, "steps": 10}
    (finer,) = synoptic.panorama("bundled", REEF, init_panorama=given, **how).images
    crops = [
        io.to_pil(perspective(io.from_pil(image), look, FOV, (SIDE, SIDE)))[0] for look in LOOKS for image in (given, finer)
    ]
    labels = ["1024x512", "2048x1024, second stage", "1024x512, behind", "2048x1024, second stage, behind"]
    io.image_grid(crops, labels, 2, cell=SIDE).save(file, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:2])

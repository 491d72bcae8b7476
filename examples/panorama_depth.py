"""A depth all around, and the picture of docs/panorama.md that follows it. python examples/panorama_depth.py [FILE]"""

from __future__ import annotations

import math
import sys

import numpy as np
from PIL import Image

import synoptic

PROMPT, MARGIN = "a photo of snowy mountains", 8
HEIGHT, EYE = 512, 6.0  # pixels, and meters over the ground
RANGES = (
    (50.0, 42.0, 5, 0.4),
    (30.0, 17.0, 4, 1.9),
    (18.0, 5.0, 3, 4.1),
)  # distance, height, peaks around, where they begin


def valley() -> np.ndarray:
    """Return distances (H, 2H) from an eye over flat ground among three rings of mountains; 0 in the sky."""
    elevation = (0.5 - (np.arange(HEIGHT) + 0.5) / HEIGHT)[:, None] * math.pi
    azimuth = ((np.arange(2 * HEIGHT) + 0.5) / (2 * HEIGHT) - 0.5)[None] * 2 * math.pi
    down = np.minimum(np.sin(elevation), -1e-6)
    radial = np.broadcast_to(np.where(elevation < 0, -EYE / down, np.inf), (HEIGHT, 2 * HEIGHT)).copy()
    for away, tall, peaks, begin in RANGES:
        top = tall * (1 - 0.75 * np.abs(np.sin(peaks * azimuth / 2 + begin)) + 0.06 * np.sin(4 * peaks * azimuth))
        slope = away / np.cos(elevation)  # of an upright cylinder
        met = (np.tan(elevation) * away < top - EYE) & (slope < radial)
        radial = np.where(met, slope, radial)
    return np.where(np.isinf(radial), 0, radial).astype(np.float32)


def main(file: str = "docs/pictures/panorama-depth.jpg") -> None:
    radial = valley()
    near = np.where(radial > 0, 1 / np.maximum(radial, 1e-6), 0)
    shown = Image.fromarray((255 * (near / near.max()) ** 0.5).astype(np.uint8)).convert("RGB")
    (painted,) = synoptic.panorama("bundled", PROMPT, depth=Image.fromarray(radial), steps=16).images
    figure = Image.new("RGB", (painted.width, 2 * painted.height + MARGIN), "white")
    figure.paste(shown.resize(painted.size), (0, 0))
    figure.paste(painted, (0, painted.height + MARGIN))
    figure.save(file, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""A film that looks around in a panorama: once around, a little up and down on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from synoptic import io
from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective

SIZE = (270, 480)  # rows and columns of a frame
SECONDS, FPS = 10, 24
FOV, SWING = 80.0, 35.0  # degrees


def flight(panorama: Image.Image) -> Iterator[Image.Image]:
    """Yield the frames: from the front to the right and around to the front, up at a quarter, down at three."""
    x, count = io.from_pil(panorama), SECONDS * FPS
    for i in range(count):
        turn = i / count
        direction = Direction(360 * turn, SWING * math.sin(2 * math.pi * turn))
        yield from io.to_pil(perspective(x, direction, FOV, SIZE))


def save_flight(panorama: Image.Image, path: Path) -> None:
    """Write the film as an MP4. Raises ImportError without PyAV."""
    io.save_video(path, flight(panorama), FPS)

"""The film of a panorama: it begins in front, goes around, and ends beside its beginning."""

from __future__ import annotations

import numpy as np
from PIL import Image

from synoptic import io
from synoptic.animate import flight as film
from synoptic.views.directions import Direction
from synoptic.views.sphere import canvas_rays, perspective


def test_a_flight_is_views_of_the_panorama_once_around(monkeypatch):
    monkeypatch.setattr(film, "FPS", 2)
    (panorama,) = io.to_pil(canvas_rays(64).permute(2, 0, 1)[None])
    frames = list(film.flight(panorama))
    assert len(frames) == 20 and {frame.size for frame in frames} == {(480, 270)}
    for i, direction in ((0, Direction(0.0, 0.0)), (5, Direction(90.0, 35.0)), (10, Direction(180.0, 0.0))):
        (expected,) = io.to_pil(perspective(io.from_pil(panorama), direction, 80.0, film.SIZE))
        assert np.abs(pixels(frames[i]) - pixels(expected)).max() <= 1
    assert np.abs(pixels(frames[-1]) - pixels(frames[0])).mean() < np.abs(pixels(frames[10]) - pixels(frames[0])).mean() / 2


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=int)

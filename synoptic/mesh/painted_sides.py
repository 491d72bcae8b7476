"""A painted surface from eight sides, a film and a page to turn it on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic import io
from synoptic.mesh.fuse_texture import render_texture
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.surface_maps import cameras_at, framed
from synoptic.mesh.turntable import turntable_html
from synoptic.nerf.cameras import Camera

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

SIDES, FRAMES, FRAME_SIDE, FPS = 8, 72, 256, 18
LEVEL = 15.0  # degrees from which the finished mesh is shown


def turned(surface: PaintedSurface, count: int) -> Camera:
    """Return cameras evenly around a surface, the first in front, by one field of view."""
    azimuth = torch.arange(count, dtype=torch.float32) * (360.0 / count)
    return framed(surface, cameras_at(azimuth, torch.full_like(azimuth, LEVEL)), alike=True)


def turntable_film(surface: PaintedSurface, texture: Tensor) -> list[Image]:
    """Return a textured surface from all around."""
    return io.to_pil(render_texture(surface, texture, turned(surface, FRAMES), FRAME_SIDE))


def save_page(title: str, film: Callable[[], list[Image]], file: Path) -> None:
    """Write a page that turns what a film shows, by hand and offline."""
    io.write_whole(file, turntable_html(title, {"color": film()}))


def sides_sheet(pictures: Sequence[Image]) -> Image:
    """Return pictures of the eight sides, in two rows."""
    labels = [f"{360 // SIDES * k}°" for k in range(SIDES)]
    return io.image_grid(list(pictures), labels, SIDES // 2, cell=FRAME_SIDE)


def side_boxes(sheet: Image) -> list[tuple[int, int, int, int]]:
    """Return where the eight sides are on a sheet of two rows."""
    width, height = sheet.width // (SIDES // 2), sheet.height // 2
    return [(x * width, y * height, (x + 1) * width, (y + 1) * height) for y in range(2) for x in range(SIDES // 2)]

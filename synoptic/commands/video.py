"""Pictures into a film."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image

from synoptic.errors import user_path
from synoptic.io import save_gif, save_video
from synoptic.options.video import VideoOptions
from synoptic.utils.picture import read_picture


def execute(options: VideoOptions) -> Path:
    """Write the film, return its file."""
    files, out = options.files(), user_path(options.out)
    sizes = [read_picture(str(file)).size for file in files]
    size = max(width for width, _ in sizes), max(height for _, height in sizes)
    frames = (padded(read_picture(str(file)), size) for file in files)
    (save_gif if out.suffix == ".gif" else save_video)(out, frames, options.fps)
    return out


def padded(picture: Image, size: tuple[int, int]) -> Image:
    """Return the picture in the middle of a black one of this size."""
    left, top = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    return picture.crop((-left, -top, size[0] - left, size[1] - top))

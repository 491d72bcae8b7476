"""Pictures into a film."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from synoptic.errors import InputError, check_writable, install_command

if TYPE_CHECKING:
    from PIL.Image import Image

Pictures = Annotated[list[str], "pictures, or folders of them; shown in natural order, 2 before 10"]
Fps = Annotated[float, "pictures a second"]
Out = Annotated[str, "the film to write: .mp4 (needs PyAV) or .gif"]

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def video(pictures: Pictures, *, fps: Fps = 10, out: Out = "video.mp4") -> Path:
    """Turn any pictures into a film, in natural order. Smaller ones are padded with black.

    synoptic video outputs/steps/*.png --fps 12 --out steps.mp4
    """
    path = Path(out).expanduser()
    files = sorted(found(pictures), key=lambda file: natural(str(file)))
    if not fps > 0:
        raise InputError(f"--fps must be above 0, {fps} was given: 30 is smooth")
    if path.suffix not in (".mp4", ".gif"):
        raise InputError(f"--out must end in .mp4 or .gif, {out} was given: rename it")
    if path.suffix == ".mp4" and find_spec("av") is None:
        raise InputError(f"an .mp4 needs PyAV, which is not installed: {install_command('video')}, or --out with .gif")
    check_writable(path.parent)

    from synoptic import io

    sizes = [picture.size for picture in map(read, files)]
    size = max(width for width, _ in sizes), max(height for _, height in sizes)
    frames = (padded(read(file), size) for file in files)
    (io.save_gif if path.suffix == ".gif" else io.save_video)(path, frames, fps)
    return path


def found(pictures: list[str]) -> Iterator[Path]:
    """The pictures' files, folders opened. Raises InputError for what is not there, and for a folder without any."""
    if not pictures:
        raise InputError("a film needs at least one picture, none was given: name files or a folder")
    for name in pictures:
        path = Path(name).expanduser()
        inside = [file for file in path.iterdir() if file.suffix.lower() in ENDINGS] if path.is_dir() else [path]
        if not inside or not path.exists():
            raise InputError(f"a film is made of pictures, {name} is or holds none: check the path")
        yield from inside


def natural(name: str) -> list[tuple[str, int]]:
    """A sort key by which step 2 comes before step 10."""
    return [(text.lower(), int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def read(file: Path) -> Image:
    from synoptic.io import load_image

    try:
        return load_image(file)
    except OSError:
        raise InputError(f"a film is made of pictures, {file} cannot be read as one: leave it out") from None


def padded(picture: Image, size: tuple[int, int]) -> Image:
    """The picture in the middle of a black one of this size."""
    left, top = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    return picture.crop((-left, -top, size[0] - left, size[1] - top))

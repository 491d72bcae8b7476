"""The options of `video`: pictures into a film."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from synoptic.errors import InputError, check_installed, check_output_file, install_command, user_path
from synoptic.options.base import Options
from synoptic.options.option import Option
from synoptic.utils.image_formats import SUFFIXES

MIN_FPS, MAX_FPS = 0.01, 1000.0  # a GIF shows a picture for 655 seconds at most


@dataclass(frozen=True, kw_only=True)
class VideoOptions(Options):
    """Turn any pictures into a film, in natural order. Smaller ones are padded with black.

    synoptic video outputs/steps/*.png --fps 12 --out steps.mp4
    """

    pictures: Annotated[
        tuple[str, ...],
        Option("pictures, or folders of them; in natural order, 2 before 10", positional=True, separator=""),
    ]
    fps: Annotated[float, Option("pictures a second", at_least=MIN_FPS, at_most=MAX_FPS)] = 10.0
    out: Annotated[str, Option("the film to write: .mp4 (needs PyAV) or .gif", recorded=False)] = "video.mp4"

    def files(self) -> list[Path]:
        """Return the pictures' files in natural order, folders opened. Raises InputError for what is not there."""
        return sorted(self._found(), key=lambda file: natural_key(str(file)))

    def _found(self) -> Iterator[Path]:
        if not self.pictures:
            raise InputError(
                "a film needs at least one picture, none was given: name files or a folder", rule="pictures-missing"
            )
        for name in self.pictures:
            path = user_path(name)
            inside = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES] if path.is_dir() else [path]
            if not inside or not path.exists():
                raise InputError(
                    f"a film is made of pictures, {name} is or holds none: check the path", rule="pictures-missing"
                )
            yield from inside

    def prepare(self) -> Self:
        out = user_path(self.out)
        check_output_file(out, [".mp4", ".gif"], self.files())
        if out.suffix == ".mp4":
            check_installed("av", "an .mp4 needs PyAV", f"{install_command('video')}, or --out with .gif")
        return self


def natural_key(name: str) -> list[tuple[str, int]]:
    """Return a sort key by which step 2 comes before step 10."""
    return [(text.lower(), int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]

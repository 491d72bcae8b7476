"""The options of `score`: CLIP scores of pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from synoptic.errors import InputError, user_path
from synoptic.models.names import CLIP_MODEL
from synoptic.models.registry import resolve_clip
from synoptic.options.base import Options
from synoptic.options.option import Option
from synoptic.options.pretrained_model import Device
from synoptic.utils.image_formats import SUFFIXES

ClipModel = Annotated[
    str,
    Option(
        "bundled, bundled-grayscale, clip-vit-b32 (OpenAI's), any CLIP (open_clip's too) or SigLIP: a hub id or a directory",
        weights=CLIP_MODEL,
    ),
]


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(Options):
    """Print the CLIP cosine of every picture with its prompt: the one it carries, or its file name.

    In a file name underscores stand for spaces, and a number at its end (a seed, or a crop's position) is no part of the
    prompt. A picture that is not square is scored as the mean of the squares that cover it. What belongs to another picture
    (a ControlNet's map, an anagram's sheet of views, the small one that was enlarged) is omitted.

    synoptic score outputs/wide
    """

    folder: Annotated[str, Option("a folder of pictures, or one picture", positional=True)]
    clip_model: ClipModel = "bundled"
    device: Device = "auto"

    def files(self) -> list[Path]:
        """Return the pictures under the folder, sorted, or the one picture."""
        root = user_path(self.folder)
        if root.is_file():
            return [root]
        found = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
        return sorted(file for file in found if file.suffix.lower() in SUFFIXES)

    def prepare(self) -> Self:
        if not user_path(self.folder).exists():
            raise InputError(
                f"a folder of pictures is needed, {self.folder} does not exist: check the path", rule="folder-missing"
            )
        if not self.files():
            raise InputError(
                f"a folder of pictures is needed, {self.folder} holds no {', '.join(SUFFIXES)}: check the path",
                rule="folder-empty",
            )
        resolve_clip(self.clip_model)
        return self

"""Writing whatever comes of an item, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from safetensors.torch import save
from torch import Tensor

from synoptic import io
from synoptic.utils.json_objects import JsonObject

if TYPE_CHECKING:
    from synoptic.pipelines.outputs import Content

FILM_FPS = 30


def write_content(file: Path, content: Content, about: JsonObject) -> None:
    """Write a picture, a table of tensors, a text, bytes or the frames of a film; `about` goes into a picture's metadata.

    A function is called with the path. What is there already is not written again.
    """
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    match content:
        case Image.Image():
            io.save_image(file, content, about)
        case str() | bytes():
            io.write_whole(file, content)
        case Mapping():
            tensors: dict[str, Tensor] = {name: value.detach().cpu().contiguous() for name, value in content.items()}
            io.write_whole(file, save(tensors, {str(key): str(value) for key, value in about.items()}))
        case _ if callable(content):
            content(file)
        case _:
            raise TypeError(f"{file.name}: {type(content).__name__} is not written to files")

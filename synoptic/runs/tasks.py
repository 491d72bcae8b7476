"""One picture of a run, from the item that asks for it to the files that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from safetensors.torch import save
from torch import Tensor

from synoptic import io
from synoptic.options.base import Item
from synoptic.pipelines.outputs import Content, Output
from synoptic.runs.manifest import Picture, Run
from synoptic.runs.recorder import recorded
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.streams import error_stream


class Task(NamedTuple):
    """One picture that a run asks for."""

    run: Run
    item: Item
    picture: Picture

    @property
    def file(self) -> Path:
        return self.run.folder / self.picture.file

    @property
    def is_done(self) -> bool:
        return is_whole(self.file) and (not self.run.films or recorded(self.file).exists())

    def save(self, output: Output) -> None:
        """Save what came of it: further files first, the picture itself, which says that it is done, last."""
        about = {"of": self.file.name}
        for name, content in output.files.items():
            file = self.file.with_suffix(name) if name.startswith(".") else self.run.folder / name
            write_content(file, content, about)
        self.picture.figures = dict(output.figures)
        io.save_image(self.file, output.image, self.run.inside(self.picture), output.xmp)


def is_whole(file: Path) -> bool:
    """Return whether a picture is there and can be read; one that cannot is painted again, and a line says so."""
    if not file.exists():
        return False
    try:
        io.load_image(file)
    except OSError as e:
        print(f"warning: {file} cannot be read ({e}), and is painted again", file=error_stream())
        return False
    return True


def tasks_of(run: Run, items: Sequence[Item]) -> list[Task]:
    """Return a run's items, each with the picture that it becomes."""
    return [Task(run, *pair) for pair in zip(items, run.pictures, strict=True)]


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

"""One picture of a run, from the item that asks for it to the files that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from synoptic import io
from synoptic.options.base import Item
from synoptic.pipelines.outputs import Output
from synoptic.runs.files import write_content
from synoptic.runs.manifest import Picture, Run
from synoptic.runs.recorder import recorded


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
        return self.file.exists() and (not self.run.films or recorded(self.file).exists())

    def save(self, output: Output) -> None:
        """Save what came of it: further files first, the picture itself, which says that it is done, last."""
        about = {"of": self.file.name}
        for name, content in output.files.items():
            file = self.file.with_suffix(name) if name.startswith(".") else self.run.folder / name
            write_content(file, content, about)
        self.picture.figures = dict(output.figures)
        io.save_image(self.file, output.image, self.run.inside(self.picture), output.xmp)


def tasks_of(run: Run, items: Sequence[Item]) -> list[Task]:
    """Return a run's items, each with the picture that it becomes."""
    return [Task(run, *pair) for pair in zip(items, run.pictures, strict=True)]

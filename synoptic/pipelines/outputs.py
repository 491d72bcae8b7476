"""What comes of a pipeline's items, in memory: pictures, further files, what was measured, a figure and a table of all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image
from torch import Tensor

Content = Image | str | bytes | Mapping[str, Tensor] | Callable[[Path], object]  # what a run can write


@dataclass(frozen=True)
class Output:
    """What came of one item: its picture, further files, and what was measured.

    `files` are named by an ending that follows the item's stem, ".views.png", or by a whole name, "noise.safetensors".
    `xmp` is a packet of metadata that other programs read in the picture.
    """

    image: Image
    files: Mapping[str, Content] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    xmp: str = ""

    def __getstate__(self) -> Mapping[str, object]:
        """Return what is pickled: all but files that functions write, of which a warning says which."""
        left_out = [name for name, content in self.files.items() if callable(content)]
        if left_out:
            says = f"a pickle holds no files that functions write: {', '.join(left_out)} left out, write them before"
            warnings.warn(says, stacklevel=2)
        kept = {name: content for name, content in self.files.items() if name not in left_out}
        return self.__dict__ | {"files": kept}


@dataclass(frozen=True)
class Comparison:
    """What several runs, or several items of one, say side by side: a labeled figure and a table."""

    image: Image
    header: tuple[str, ...]
    rows: list[tuple[str | float | None, ...]]

    def __str__(self) -> str:
        return "\n".join("\t".join(map(cell, row)) for row in (self.header, *self.rows))


def cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

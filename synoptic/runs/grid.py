"""Carry out a grid: a run per cell, each in a folder of its own, and all of them in one figure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from PIL import Image

from synoptic import io
from synoptic.distributed import is_main_process
from synoptic.errors import InputError, user_path
from synoptic.options import application_name, options_class
from synoptic.options.grid import Axis, make_axes, prepare_cells
from synoptic.options.output import OutputOptions
from synoptic.options.prompts import slug
from synoptic.runs.contact_sheet import thumbnail_size
from synoptic.runs.errors import RunFailed
from synoptic.runs.execute import carry_out
from synoptic.runs.manifest import Picture, Run
from synoptic.utils.json_objects import JsonObject

FIGURE = "grid.png"  # which is that of every application: APPLICATION.png


@dataclass
class GridRun:
    """The runs of every cell, row by row, and the figure of all."""

    folder: Path
    axes: Sequence[Axis]
    runs: list[Run]
    application = "grid"

    @property
    def pictures(self) -> list[Picture]:
        return [picture for run in self.runs for picture in run.pictures]

    @property
    def kept(self) -> int:
        return sum(run.kept for run in self.runs)

    @property
    def scores(self) -> JsonObject:
        """The first run's: their names, and the CLIP's, are those of all."""
        return self.runs[0].scores

    @property
    def timings(self) -> dict[str, float]:
        phases = dict.fromkeys(phase for run in self.runs for phase in run.timings)
        return {phase: sum(run.timings.get(phase, 0.0) for run in self.runs) for phase in phases}

    @property
    def next_seed(self) -> None:
        """None: a grid names its own values."""

    def __str__(self) -> str:
        names = [axis.spec.name for axis in self.axes]
        lines = ["\t".join(["picture", *names, "score"])]
        for run in self.runs:
            for picture in run.pictures:
                score = "" if picture.score is None else f"{picture.score:.3f}"
                cells = [str(getattr(run.options, name)) for name in names]
                lines.append("\t".join([str(run.folder / picture.file), *cells, score]))
        return "\n".join(lines)


def grid(application: str, axes: Mapping[str, Sequence[object]], /, *values: object, **options: object) -> GridRun:
    """Run an application for every value of one option, or pair of values of two, as the command line's --grid does.

    `grid("generate", {"guidance_scale": (3, 5, 7), "seed": range(4)}, "a lake", out="outputs/lakes")`: a run per picture,
    and all in one figure. Raises InputError, and RunFailed where a cell came to nothing, once the others are done.
    """
    cls = options_class(application_name(application))
    found = make_axes(cls, axes)
    if not found or not all(axis.values for axis in found):
        raise InputError("--grid has one or two options with their values, none was given: name one", rule="grid-axes")
    cells = prepare_cells(cls, found, values, options)
    return execute_grid(cast(list[OutputOptions], cells), found)


def execute_grid(cells: Sequence[OutputOptions], axes: Sequence[Axis]) -> GridRun:
    """Run prepared options one after the other. What was finished is kept, as in every run.

    Raises RunFailed where a cell came to nothing, once the others are done.
    """
    folder = user_path(cells[0].out) if cells[0].out else default_folder(cells)
    found, failed = GridRun(folder, axes, []), []
    for cell in cells:
        try:
            found.runs.append(carry_out(replace(cell, out=str(folder / name_of(cell, axes)))))
        except RunFailed as e:
            failed.append(f"{name_of(cell, axes)}: {e}")
            found.runs += [e.result] if isinstance(e.result, Run) else []
    if is_main_process() and found.pictures:
        write_figure(found)
    if failed:
        raise RunFailed("; ".join(failed), found)
    return found


def default_folder(cells: Sequence[OutputOptions]) -> Path:
    said = (f"{cell.command()}{cell.input_hashes() or ''}" for cell in cells)
    key = hashlib.sha256("\n".join(said).encode()).hexdigest()[:8]
    return Path(f"outputs/{cells[0].command_name()}/grid-{slug(cells[0].title())[:40]}-{key}")


def name_of(cell: OutputOptions, axes: Sequence[Axis]) -> str:
    return ",".join(slug(f"{axis.spec.flag[2:]}={getattr(cell, axis.spec.name)}") for axis in axes)


def write_figure(grid: GridRun) -> None:
    """Save grid.png: the first axis goes across, the second down; a cell that came to nothing is gray."""
    pictures = [run.images[0] if run.pictures else Image.new("RGB", (1, 1), "gray") for run in grid.runs]
    size = thumbnail_size(max((picture.size for picture in pictures), key=lambda size: size[0] * size[1]))
    shown = [picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures]
    labels = [
        ", ".join(f"{axis.spec.name.replace('_', ' ')} {getattr(run.options, axis.spec.name)}" for axis in grid.axes)
        for run in grid.runs
    ]
    about = grid.runs[0].about() | {"grid": [str(axis) for axis in grid.axes]}
    io.save_image(grid.folder / FIGURE, io.image_grid(shown, labels, len(grid.axes[0].values)), about)

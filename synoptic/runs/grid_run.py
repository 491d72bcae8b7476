"""What came of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synoptic.options.grid import Axis
from synoptic.runs.manifest import Picture, Run
from synoptic.utils.json_objects import JsonObject


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

"""What a person reads when a run has ended: what was kept, what its numbers mean, what to open."""

from __future__ import annotations

from pathlib import Path

from synoptic.errors import printable
from synoptic.metrics.scale import meaning
from synoptic.runs.contact_sheet import BEFORE_AFTER, SHEET
from synoptic.runs.grid import GridRun
from synoptic.runs.manifest import Run

TURNTABLE, VIEWER = "turntable.html", ".viewer.html"


def closing_lines(run: Run | GridRun, timings: bool = False) -> list[str]:
    """Return the lines, the one that says what to open last; with the seconds of every phase, if asked for."""
    lines = [f"seconds: {', '.join(f'{phase} {spent:.1f}' for phase, spent in run.timings.items())}"] if timings else []
    names = list(dict.fromkeys(name for picture in run.pictures for name in picture.figures))
    meanings = [(name, meaning(name)) for name in names]
    meanings += [
        (name.replace("clip_score", "CLIP score"), meaning(name, run.scores["clip_model"])) for name in list(run.scores)[:1]
    ]
    lines += [f"{name}: {text}" for name, text in meanings if text]
    if run.kept:
        lines.append(kept(run))
    if file := main_file(run):
        lines.append(f"open {printable(file)}")
    return lines


def kept(run: Run | GridRun) -> str:
    """Return how many pictures were there already, and how to get others."""
    count = len(run.pictures)
    which = "it was" if count == 1 else "all were" if run.kept == count else f"{run.kept} of {count} were"
    others = "change an option" if run.next_seed is None else f"--seed {run.next_seed}"
    return f"{which} there already and kept; for others: {others}"


def main_file(run: Run | GridRun) -> Path | None:
    """Return the file that shows most of a run."""
    stems = [Path(picture.file).stem for picture in run.pictures[:1]]
    names = [f"{stem}{page}" for stem in stems for page in (f"/{TURNTABLE}", VIEWER)] + [
        f"{run.application}.png",
        BEFORE_AFTER,
        SHEET,
        "figure.png",
    ]
    names += [f"{stem}{ending}" for stem in stems for ending in (".gif", ".views.png", ".png")] + ["fidelity.png"]
    return next((run.folder / name for name in names if (run.folder / name).exists()), None)

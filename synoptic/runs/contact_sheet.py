"""The pictures of a run on one sheet; where it began with a picture, that one and its maps come first."""

from __future__ import annotations

from PIL import Image

from synoptic import io
from synoptic.runs.manifest import Picture, Run

SHEET, BEFORE_AFTER = "contact_sheet.png", "before_after.png"
MOST, LONGEST = 64, 768  # pictures on a sheet, pixels of one's longer side


def write_contact_sheet(run: Run) -> None:
    """Save contact_sheet.png, or before_after.png where a picture was given; nothing where there is one picture alone."""
    given = [(run.folder / "original.png", "before")]
    given += [(run.folder / f"{kind}.png", kind) for kind in getattr(run.options, "condition", ())]
    tiles = [(io.load_image(file), label) for file, label in given if file.exists()]
    before = len(tiles)
    tiles += [(io.load_image(run.folder / p.file), label_of(run, p)) for p in run.pictures[:MOST]]
    if len(tiles) < 2:
        return
    size = thumbnail_size(tiles[-1][0].size)
    pictures = [picture.resize(size, Image.Resampling.LANCZOS) for picture, _ in tiles]
    sheet = io.image_grid(pictures, [label for _, label in tiles], columns_of(len(tiles), before, size))
    io.save_image(run.folder / (BEFORE_AFTER if before else SHEET), sheet, run.about())


def label_of(run: Run, picture: Picture) -> str:
    """Return what stands over a picture: its prompt where there are several, its seed, its score."""
    several = len({p.prompt for p in run.pictures}) > 1
    score = "" if picture.score is None else f", score {picture.score:.2f}"
    return f"{f'{picture.prompt}, ' * several}seed {picture.seed}{score}"


def thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1, LONGEST / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def columns_of(count: int, before: int, size: tuple[int, int]) -> int:
    """Return how many pictures a row has: a wide one stands alone; what was given and the first result share a row."""
    if size[0] > 2 * size[1]:
        return 1
    return min(count, max(before + 1, 4))

"""The pictures of docs/texture.md: painted meshes from eight sides. python examples/texture.py BUNNY.obj [FOLDER]

The bunny is Stanford's, of the npm package `bunny` 1.0.1 (public domain), as an OBJ; it looks to -x.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import trimesh
from PIL import Image

import synoptic

HOUSE = "examples/house.obj"
YELLOW, BUNNY = "a yellow house", "a photo of a bunny on a white background"
MARGIN = 8


def main(bunny: str, to: str = "docs/pictures") -> None:
    folder = Path("outputs/texture")
    folder.mkdir(parents=True, exist_ok=True)
    box = folder / "box.glb"
    trimesh.creation.box((1.0, 1.4, 0.8)).export(box)
    how = {"num_views": 8, "steps": 12, "texture_size": 256, "dtype": "float32", "device": "cpu"}
    runs = [
        synoptic.run("texture", HOUSE, YELLOW, out=str(folder / "house"), **how),
        synoptic.run("texture", str(box), YELLOW, out=str(folder / "box"), **how),
        synoptic.run("texture", bunny, BUNNY, front_axis="-x", view_words=False, out=str(folder / "bunny"), **how),
    ]
    first, *others = (run.images[0].convert("RGB") for run in runs)
    first.save(Path(to) / "texture.jpg", quality=85)
    stacked(others).save(Path(to) / "texture-limits.jpg", quality=85)


def stacked(sheets: Sequence[Image.Image]) -> Image.Image:
    """Return sheets, one below the other."""
    figure = Image.new("RGB", (sheets[0].width, sum(sheet.height + MARGIN for sheet in sheets) - MARGIN), "white")
    for k, sheet in enumerate(sheets):
        figure.paste(sheet, (0, sum(before.height + MARGIN for before in sheets[:k])))
    return figure


if __name__ == "__main__":
    main(*sys.argv[1:3])

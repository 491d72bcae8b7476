"""The picture of docs/panorama.md: panoramas, and six directions in each. python examples/panorama.py [FILE]"""

from __future__ import annotations

import sys

from PIL import Image

import synoptic
from synoptic import io
from synoptic.views.directions import Direction
from synoptic.views.sphere import perspective

DUNES, SKY, SAND = "a photo of desert dunes", "a photo of the sky", "overhead view of sand dunes"
MEADOW, MOUNTAINS = "a photo of a green meadow", "60,-30,-60,30: a photo of snowy mountains"
LOOKS = {
    "in front": Direction(0.0, 0.0),
    "to the right": Direction(90.0, 0.0),
    "behind": Direction(180.0, 0.0),
    "half up": Direction(90.0, 40.0),
    "up": Direction(0.0, 90.0),
    "down": Direction(0.0, -90.0),
}
SIDE, MARGIN = 160, 8


def sheet(panorama: Image.Image) -> Image.Image:
    """Return a panorama over six views of 75 degrees."""
    x = io.from_pil(panorama)
    views = [io.to_pil(perspective(x, direction, 75.0, (SIDE, SIDE)))[0] for direction in LOOKS.values()]
    row = io.image_grid(views, list(LOOKS), len(LOOKS), cell=SIDE)
    whole = panorama.resize((row.width - 2 * MARGIN, (row.width - 2 * MARGIN) // 2), Image.Resampling.BICUBIC)
    figure = Image.new("RGB", (row.width, whole.height + MARGIN + row.height), "white")
    figure.paste(whole, (MARGIN, MARGIN))
    figure.paste(row, (0, whole.height + MARGIN))
    return figure


def main(file: str = "docs/pictures/panorama.jpg") -> None:
    runs = [
        synoptic.run("panorama", DUNES, prompt_up=SKY, prompt_down=SAND, out="outputs/panorama/dunes"),
        synoptic.run("panorama", MEADOW, region=(MOUNTAINS,), out="outputs/panorama/meadow"),
    ]
    sheets = [sheet(run.images[0]) for run in runs]
    figure = Image.new("RGB", (sheets[0].width, sum(part.height for part in sheets)), "white")
    for k, part in enumerate(sheets):
        figure.paste(part, (0, sum(before.height for before in sheets[:k])))
    figure.save(file, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:2])

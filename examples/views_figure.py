"""The picture of docs/concepts/views.md: windows on a canvas, denoised apart and together.

python examples/views_figure.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

import synoptic

PROMPT = "an oil painting of a medieval town"
COLORS = ("#d62728", "#1f77b4", "#2ca02c")


def main(file: str = "docs/pictures/concepts-views.jpg") -> None:
    model = synoptic.load("bundled")
    apart = synoptic.wide(model, PROMPT, width=768, seed=0, sync="none", stride=32).images[0]
    together = synoptic.wide(model, PROMPT, width=768, seed=0).images[0]
    windows = together.copy()
    draw = ImageDraw.Draw(windows)
    for color, left in zip(COLORS, (64, 192, 448), strict=True):
        draw.rectangle((left, 2, left + 255, 253), outline=color, width=5)
    sheet = Image.new("RGB", (768, 3 * 256 + 2 * 8), "white")
    for i, picture in enumerate((windows, apart, together)):
        sheet.paste(picture, (0, i * (256 + 8)))
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:])

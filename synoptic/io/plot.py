"""A plot of a few lines, for figures that are written while something runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

WIDE, HIGH, EDGE = 720, 440, 64  # pixels: the whole, and the margin that holds the axes' numbers
TICKS, FONT = 5, 13
COLOURS = ((30, 90, 200), (150, 150, 150), (200, 60, 40), (40, 140, 60))
GRID, INK = (230, 230, 230), (40, 40, 40)

Line = Sequence[tuple[float, float]]


def chart(
    lines: Mapping[str, Line], across: str, up: str, top: float = 1.0, marks: Mapping[str, Sequence[str]] | None = None
) -> Image.Image:
    """Lines of points (x, y), each under its name; x from 0 to the largest, y from 0 to `top`, and what the axes are.

    marks: a word beside each point of the lines that it names.
    Raises ValueError where there is no point, or are more lines than colours, or other than one mark a point.
    """
    if not any(lines.values()) or len(lines) > len(COLOURS):
        raise ValueError(
            f"a chart has 1 to {len(COLOURS)} lines and a point, not {len(lines)} lines of {list(lines.values())}"
        )
    right = max(x for line in lines.values() for x, _ in line) or 1
    image, font = Image.new("RGB", (WIDE, HIGH), "white"), ImageFont.load_default(FONT)
    draw = ImageDraw.Draw(image)

    def place(x: float, y: float) -> tuple[float, float]:
        return EDGE + (WIDE - 2 * EDGE) * x / right, HIGH - EDGE - (HIGH - 2 * EDGE) * y / top

    for k in range(TICKS + 1):
        x, y = right * k / TICKS, top * k / TICKS
        draw.line([place(0, y), place(right, y)], fill=GRID)
        draw.text((place(x, 0)[0], HIGH - EDGE + 8), f"{x:g}", INK, font, "ma")
        draw.text((EDGE - 8, place(0, y)[1]), f"{y:.2g}", INK, font, "rm")
    draw.line([place(0, top), place(0, 0), place(right, 0)], fill=INK)
    draw.text((WIDE / 2, HIGH - EDGE / 3), across, INK, font, "mm")
    draw.text((EDGE, EDGE / 3), up, INK, font, "lm")
    end = WIDE - EDGE
    for (name, line), colour in list(zip(lines.items(), COLOURS, strict=False))[::-1]:
        draw.line([place(*point) for point in line], fill=colour, width=2)
        words = (marks or {}).get(name) or [""] * len(line)
        for (x, y), mark in zip((place(*point) for point in line), words, strict=True):
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
            draw.text((x + 6, y - 14), mark, colour, font)
        draw.text((end, EDGE / 3), name, colour, font, "rm")
        end -= font.getlength(name) + 24
    return image

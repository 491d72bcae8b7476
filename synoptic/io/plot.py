"""A plot of a few lines, for figures that are written while something runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 720, 440, 64  # pixels: the whole, and the margin that holds the axes' numbers
TICKS, FONT = 5, 13
COLORS = ((30, 90, 200), (150, 150, 150), (200, 60, 40), (40, 140, 60))
GRID_COLOR, INK_COLOR = (230, 230, 230), (40, 40, 40)

Line = Sequence[tuple[float, float]]


def plot_lines(
    lines: Mapping[str, Line],
    x_label: str,
    y_label: str,
    y_max: float = 1.0,
    point_labels: Mapping[str, Sequence[str]] | None = None,
) -> Image.Image:
    """Return lines of points (x, y), each under its name; x from 0 to the largest, y from 0 to
    `y_max`, and what the axes are.

    point_labels: a word beside each point of the lines that it names.
    Raises ValueError where there is no point, or are more lines than colors, or other than one mark a point.
    """
    if not any(lines.values()) or len(lines) > len(COLORS):
        raise ValueError(
            f"a chart has 1 to {len(COLORS)} lines and a point, not {len(lines)} lines of {list(lines.values())}"
        )
    right = max(x for line in lines.values() for x, _ in line) or 1
    image, font = Image.new("RGB", (WIDTH, HEIGHT), "white"), ImageFont.load_default(FONT)
    draw = ImageDraw.Draw(image)

    def place(x: float, y: float) -> tuple[float, float]:
        return MARGIN + (WIDTH - 2 * MARGIN) * x / right, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * y / y_max

    for k in range(TICKS + 1):
        x, y = right * k / TICKS, y_max * k / TICKS
        draw.line([place(0, y), place(right, y)], fill=GRID_COLOR)
        draw.text((place(x, 0)[0], HEIGHT - MARGIN + 8), f"{x:g}", INK_COLOR, font, "ma")
        draw.text((MARGIN - 8, place(0, y)[1]), f"{y:.2g}", INK_COLOR, font, "rm")
    draw.line([place(0, y_max), place(0, 0), place(right, 0)], fill=INK_COLOR)
    draw.text((WIDTH / 2, HEIGHT - MARGIN / 3), x_label, INK_COLOR, font, "mm")
    draw.text((MARGIN, MARGIN / 3), y_label, INK_COLOR, font, "lm")
    end = WIDTH - MARGIN
    for (name, line), color in list(zip(lines.items(), COLORS, strict=False))[::-1]:
        draw.line([place(*point) for point in line], fill=color, width=2)
        words = (point_labels or {}).get(name) or [""] * len(line)
        for (x, y), mark in zip((place(*point) for point in line), words, strict=True):
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=color)
            draw.text((x + 6, y - 14), mark, color, font)
        draw.text((end, MARGIN / 3), name, color, font, "rm")
        end -= font.getlength(name) + 24
    return image

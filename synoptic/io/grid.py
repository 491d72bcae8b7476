"""Lettering: pictures under their labels, captions that fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

SMALLEST = 8  # points: smaller letters cannot be read
LEADING = 1.3  # from line to line, in points
INK = (60, 60, 60)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def image_grid(pictures: Sequence[Image.Image], labels: Sequence[str], columns: int, *, cell: int = 192) -> Image.Image:
    """Return pictures of one size in rows of `columns`, each under its label; small ones are
    enlarged to about `cell` pixels.
    """
    w, h = (side * max(1, round(cell / max(pictures[0].size))) for side in pictures[0].size)
    font, margin = ImageFont.load_default(14), 8
    texts = [[_cut(line, font, w) for line in _wrapped(label, font, w)] for label in labels]
    head = max(len(lines) for lines in texts) * 18
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (w + margin) + margin, rows * (head + h + margin) + margin), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (picture, lines) in enumerate(zip(pictures, texts, strict=True)):
        left, top = margin + i % columns * (w + margin), margin + i // columns * (head + h + margin)
        draw.multiline_text((left, top), "\n".join(lines), "black", font)
        sheet.paste(picture.resize((w, h), Image.Resampling.NEAREST), (left, top + head))
    return sheet


def caption_strip(text: str, size: tuple[int, int], background: tuple[int, int, int]) -> Image.Image:
    """Return a strip (width, height) of color `background` with the text in its middle.

    A long text wraps, then shrinks from a third of the strip's height until it fits; one that never fits ends in "…".
    """
    width, height = size[0] * 15 // 16, size[1] * 7 // 8
    points = max(size[1] // 3, SMALLEST)
    font, lines, whole = _fit_text(text, points, width, height)
    while not whole and points > SMALLEST:
        points = max(points * 7 // 8, SMALLEST)
        font, lines, whole = _fit_text(text, points, width, height)
    strip = Image.new("RGB", size, background)
    draw = ImageDraw.Draw(strip)
    for i, line in enumerate(lines):
        y = size[1] / 2 + (i - (len(lines) - 1) / 2) * points * LEADING
        draw.text((size[0] / 2, y), line, INK, font, "mm")
    return strip


def _fit_text(text: str, points: int, width: float, height: float) -> tuple[Font, list[str], bool]:
    """Return the font, the lines that fit, and whether they are the whole text."""
    font = ImageFont.load_default(points)
    lines, rows = _wrapped(text, font, width), max(int(height / (points * LEADING)), 1)
    fitting = [_cut(line, font, width) for line in lines[:rows]]
    if len(lines) > rows:
        fitting[-1] = _cut(f"{fitting[-1]} …", font, width)
    return font, fitting, fitting == lines


def _wrapped(text: str, font: Font, width: float) -> list[str]:
    """Return the text in lines, broken between words; only a word that is longer than a line makes one too long."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _cut(line: str, font: Font, width: float) -> str:
    """Return the line, or as much of it as fits before "…"."""
    if font.getlength(line) <= width:
        return line
    fitting = bisect_right(range(len(line)), width, key=lambda k: font.getlength(f"{line[:k]}…")) - 1
    return f"{line[: max(fitting, 0)].rstrip(' …')}…"

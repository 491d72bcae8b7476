"""Regions of a picture with prompts of their own, as people type them: "x0,y0,x1,y1: prompt" or "mask.png: prompt"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from synoptic.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Regions = Annotated[
    list[str] | None,
    'parts of the picture with prompts of their own: "x0,y0,x1,y1: prompt" in pixels, or in shares of the picture such as'
    ' 0.5,0,1,1, or "mask.png: prompt", white where it counts; later ones lie on top. More may follow the prompt: "prompt |'
    ' what not to paint | guidance"',
]
NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"
BOX = re.compile(rf"{NUMBER},{NUMBER},{NUMBER},{NUMBER}:(.*)", re.DOTALL)


@dataclass(frozen=True)
class Region:
    """Where: a box (x0, y0, x1, y1) in shares of the picture, or a mask's file; what, what not, and how strongly."""

    box: tuple[float, float, float, float] | None
    mask: str
    prompt: str
    negative: str
    guidance: float

    def covers(self, height: int, width: int) -> Tensor:
        """(H, W): 1 inside, 0 outside, on a canvas of any size; a pixel at the edge may be in between."""
        import torch
        from torch.nn.functional import interpolate

        if self.box is None:
            from synoptic import io

            white = io.from_pil(io.load_image(Path(self.mask).expanduser())).mean(1, keepdim=True) / 2 + 0.5
            return interpolate(white, (height, width), mode="area")[0, 0]
        x0, y0, x1, y1 = self.box
        rows, columns = torch.zeros(height), torch.zeros(width)
        rows[round(y0 * height) : round(y1 * height)] = 1
        columns[round(x0 * width) : round(x1 * width)] = 1
        return rows[:, None] * columns


def read_region(typed: str, width: int, height: int, negative: str, guidance: float) -> Region:
    """One region of a picture of that size; what it does not say is the picture's. Raises InputError on a broken rule."""
    found = BOX.fullmatch(typed)
    place, _, words = (typed if found is None else f": {found[5]}").partition(": ")
    prompt, *more = (word.strip() for word in words.split("|"))
    if not prompt or len(more) > 2:
        raise InputError(f'a region is "x0,y0,x1,y1: prompt" or "mask.png: prompt", {typed!r} is none: write it so')
    try:
        strength = float(more[1]) if len(more) > 1 else guidance
    except ValueError:
        raise InputError(f"a region's guidance is a number, {more[1]!r} is none: correct {typed!r}") from None
    avoid = more[0] if more else negative
    if found is None:
        if not Path(place).expanduser().is_file():
            raise InputError(f"a region's mask is a picture's file, {place!r} is none: check the path, or give x0,y0,x1,y1")
        return Region(None, place, prompt, avoid, strength)
    x0, y0, x1, y1 = numbers = tuple(float(number) for number in found.groups()[:4])
    wide, high = (1, 1) if max(numbers) <= 1 else (width, height)
    if not (0 <= x0 < x1 <= wide and 0 <= y0 < y1 <= high):
        raise InputError(
            f"a region's box goes from left to right and top to bottom inside {wide}x{high}, {typed!r} does not: correct it"
        )
    return Region((x0 / wide, y0 / high, x1 / wide, y1 / high), "", prompt, avoid, strength)

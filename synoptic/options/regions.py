"""Regions with prompts of their own, as people type them, of a picture and of a sphere."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from synoptic.errors import InputError, user_path
from synoptic.utils.picture import read_mask

NUMBER = r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
BOX = re.compile(rf"{NUMBER},{NUMBER},{NUMBER},{NUMBER}:(.*)", re.DOTALL)
SPHERE_BOX = re.compile(rf"{NUMBER},{NUMBER},{NUMBER},{NUMBER}:\s*(\S.*)", re.DOTALL)


@dataclass(frozen=True)
class Region:
    """A box (x0, y0, x1, y1) in shares of the picture, or a mask's file, and its prompts and guidance scale."""

    box: tuple[float, float, float, float] | None
    mask: str
    prompt: str
    negative_prompt: str
    guidance_scale: float

    def covers(self, width: int, height: int) -> bool:
        """Return whether its box holds any of a canvas of so many latents, its sides rounded to them."""
        x0, y0, x1, y1 = self.box or (0, 0, 1, 1)
        return round(x0 * width) < round(x1 * width) and round(y0 * height) < round(y1 * height)


def finite(text: str) -> float:
    """Return the number of a text. Raises ValueError where it is none, NaN or infinity."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def mask_of(text: str) -> str:
    """Return the mask's file of a region, "" of a box."""
    return "" if BOX.fullmatch(text) else text.partition(": ")[0]


def read_region(text: str, width: int, height: int, negative_prompt: str, guidance_scale: float) -> Region:
    """Return the region of "x0,y0,x1,y1: prompt" or "mask.png: prompt", of a picture of that size. Raises InputError.

    What it does not say is the picture's.
    """
    found = BOX.fullmatch(text)
    place, _, words = (text if found is None else f": {found[5]}").partition(": ")
    prompt, *more = (word.strip() for word in words.split("|"))
    if not prompt or len(more) > 2:
        raise InputError(
            f'a region is "x0,y0,x1,y1: prompt" or "mask.png: prompt", {text!r} is none: write it so', rule="region-form"
        )
    try:
        strength = max(finite(more[1]), 1.0) if len(more) > 1 else guidance_scale
    except ValueError:
        raise InputError(
            f"a region's guidance scale is a number, {more[1]!r} is none: correct {text!r}", rule="region-guidance"
        ) from None
    avoid = more[0] if more else negative_prompt
    if found is None:
        if not user_path(place).is_file():
            raise InputError(
                f"a region's mask is a picture's file, {place!r} is none: check the path, or give x0,y0,x1,y1",
                rule="region-mask",
            )
        read_mask(place)
        return Region(None, place, prompt, avoid, strength)
    x0, y0, x1, y1 = numbers = tuple(float(number) for number in found.groups()[:4])
    wide, high = (1, 1) if max(numbers) <= 1 else (width, height)
    if not (0 <= x0 < x1 <= wide and 0 <= y0 < y1 <= high):
        raise InputError(
            f"a region's box goes from left to right and top to bottom inside {wide}x{high}, {text!r} does not: correct it",
            rule="region-box",
        )
    return Region((x0 / wide, y0 / high, x1 / wide, y1 / high), "", prompt, avoid, strength)


@dataclass(frozen=True)
class SphereRegion:
    """Azimuths from `left` to `right`, elevations from `bottom` to `top`, in degrees; over the back where left > right."""

    left: float
    bottom: float
    right: float
    top: float
    prompt: str

    def holds(self, azimuth: float, elevation: float) -> bool:
        """Return whether a direction in degrees, azimuth in [-180, 180], lies in it."""
        over_the_back = self.left > self.right
        after, before = azimuth >= self.left, azimuth <= self.right
        return self.bottom <= elevation <= self.top and (after or before if over_the_back else after and before)


def read_sphere_region(text: str) -> SphereRegion:
    """Return the part of a sphere of "az0,el0,az1,el1: prompt", in degrees. Raises InputError."""
    found = SPHERE_BOX.fullmatch(text)
    if found is None:
        raise InputError(
            f'a region of a sphere is "az0,el0,az1,el1: prompt" in degrees, {text!r} is none: write it so',
            rule="region-form",
        )
    left, bottom, right, top = (float(number) for number in found.groups()[:4])
    if max(abs(left), abs(right)) > 180 or not -90 <= bottom < top <= 90 or left == right:
        raise InputError(
            "a region goes from one azimuth to another in -180 to 180, and from an elevation up to another in -90 to 90,"
            f" {text!r} does not: correct it",
            rule="region-box",
        )
    return SphereRegion(left, bottom, right, top, found[5].strip())

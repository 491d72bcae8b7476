"""Parts of a sphere with prompts of their own, as people type them: "az0,el0,az1,el1: prompt", in degrees."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synoptic.errors import InputError

ANGLE = r"\s*(-?\d+(?:\.\d+)?)\s*"
BOX = re.compile(rf"{ANGLE},{ANGLE},{ANGLE},{ANGLE}:\s*(\S.*)", re.DOTALL)


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
    """Return a part of the sphere. Raises InputError."""
    found = BOX.fullmatch(text)
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

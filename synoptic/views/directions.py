"""Where views of a sphere look: rings of directions, spread as evenly as their number allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

PROBES = 30  # rows of directions between the poles that layouts are measured by, 6 degrees apart
MIN_VIEWS, MAX_VIEWS = 6, 60  # a cube's; and as many as narrow views of 45 degrees need

Vector = tuple[float, float, float]


class Direction(NamedTuple):
    """Where a view looks, in degrees: azimuth 0 in front and positive to the right, elevation positive upward."""

    azimuth: float
    elevation: float

    @property
    def axes(self) -> tuple[Vector, Vector, Vector]:
        """(right, up, forward): unit vectors, x right, y up, -z in front. They need no up vector, so poles are regular."""
        a, e = math.radians(self.azimuth), math.radians(self.elevation)
        right = (math.cos(a), 0.0, math.sin(a))
        up = (-math.sin(a) * math.sin(e), math.cos(e), math.cos(a) * math.sin(e))
        return right, up, (math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e))


def ring(count: int, elevation: float = 0.0) -> list[Direction]:
    """Return directions around at one elevation: the horizon's begins in front, others half a step beside it."""
    start = 0.5 if elevation else 0.0
    return [Direction(360 * (k + start) / count, elevation) for k in range(count)]


@cache
def spread_directions(count: int) -> tuple[Direction, ...]:
    """Return `count` directions so that every place of the sphere is near the middle of some view.

    The horizon's ring, which begins in front, then rings above and below it, then both poles: 18 are 8 around, 4 at 40
    degrees above and below, and the poles. Of the layouts with as many above as below, the one whose farthest place is
    nearest to a direction. Raises ValueError outside MIN_VIEWS … MAX_VIEWS.
    """
    if not MIN_VIEWS <= count <= MAX_VIEWS:
        raise ValueError(f"a sphere is seen by {MIN_VIEWS} to {MAX_VIEWS} views, {count} were given: change their number")
    return min(layouts(count), key=farthest)


def layouts(count: int) -> Iterator[tuple[Direction, ...]]:
    """Yield layouts of `count` directions: the horizon and the poles, with none, one or two rings on each side."""
    poles = (Direction(0.0, 90.0), Direction(0.0, -90.0))
    yield (*ring(count - 2), *poles)
    for n, e in product(range(3, (count - 5) // 2 + 1), (40.0, 45.0, 50.0, 55.0)):
        yield (*ring(count - 2 - 2 * n), *ring(n, e), *ring(n, -e), *poles)
    for n, m in product(range(5, count // 3), range(3, count // 6)):
        if (around := count - 2 - 2 * (n + m)) >= n:
            sides = [*ring(n, 30.0), *ring(m, 60.0), *ring(n, -30.0), *ring(m, -60.0)]
            yield (*ring(around), *sides, *poles)


def farthest(directions: Sequence[Direction]) -> float:
    """Return how far the place that is farthest from every direction is from the nearest one, in degrees."""
    forwards = [direction.axes[2] for direction in directions]
    cosine = min(max(x * a + y * b + z * c for a, b, c in forwards) for x, y, z in probes())
    return round(math.degrees(math.acos(cosine)), 6)


@cache
def probes() -> list[Vector]:
    """Return directions of the upper right quarter of the sphere, as unit vectors: layouts are the same in the others."""
    rows = [math.pi * ((i + 0.5) / PROBES - 0.5) for i in range(PROBES // 2, PROBES)]
    columns = [math.pi * (j + 0.5) / PROBES for j in range(PROBES)]
    return [(math.sin(a) * math.cos(e), math.sin(e), -math.cos(a) * math.cos(e)) for e in rows for a in columns]

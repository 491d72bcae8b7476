"""What views see of the sphere."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synoptic.views.directions import Direction


class Coverage(NamedTuple):
    """Shares of the sphere, in [0, 1]: seen by any view, and by at least two."""

    seen: float
    twice: float


@cache
def coverage(directions: tuple[Direction, ...], fov: float) -> Coverage:
    """Measure what square views of `fov` degrees see of the sphere, at places half a degree apart."""
    h, places = math.tan(math.radians(fov) / 2) * (1 + 1e-9), places_apart(0.5)
    areas, counts = np.sqrt(1 - places[:, 1] ** 2), np.zeros(len(places))
    for direction in directions:
        u, v, depth = np.array(direction.axes) @ places.T
        counts += (abs(u) <= h * depth) & (abs(v) <= h * depth)
    seen, twice = (float(areas[counts >= least].sum() / areas.sum()) for least in (1, 2))
    return Coverage(1.0 if counts.all() else seen, twice)


@cache
def places_apart(degrees: float) -> NDArray[np.float64]:
    """Return unit vectors (n, 3) all over the sphere, so many degrees apart along meridians and the equator."""
    rows = np.radians(np.arange(-90 + degrees / 2, 90, degrees))
    columns = np.radians(np.arange(degrees / 2, 360, degrees))
    e, a = (angles.ravel() for angles in np.meshgrid(rows, columns, indexing="ij"))
    return np.stack([np.sin(a) * np.cos(e), np.sin(e), -np.cos(a) * np.cos(e)], 1)

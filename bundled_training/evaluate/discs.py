"""Counting suns and moons: bright, round, sharp-edged regions of the sky."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SKY = 0.65  # of the height: nothing is looked for below
RADII = 0.033, 0.13  # of the height
LEVELS = tuple(0.3 + 0.025 * k for k in range(27))
STEADY = 3  # a sharp edge gives the same region at so many levels or more
TOLERANCE = 0.13  # of the area, against that of a circle


class Disc(NamedTuple):
    """Center and radius in pixels."""

    x: float
    y: float
    radius: float

    def same(self, other: Disc) -> bool:
        """Whether two levels found one region."""
        near = math.hypot(self.x - other.x, self.y - other.y) < 0.4 * self.radius
        return near and abs(self.radius - other.radius) < 0.25 * self.radius


def discs(picture: Tensor) -> list[Disc]:
    """The discs of one picture (3, H, W) in [0, 1].

    At many levels of luminance, and of yellowness (for a sun before white clouds), the connected regions over the level are
    taken that fill a circle, or the upper half or more of one that has half sunk. Those count that several levels give and
    that are as bright as a sun and brighter or yellower than what is around them.
    """
    height = picture.shape[1]
    smooth = F.avg_pool2d(F.pad(picture[None].float().cpu(), (1,) * 4, mode="reflect"), 3, 1)[0]
    red, green, blue = smooth[:, : round(SKY * height)].numpy()
    luminance, yellow = 0.299 * red + 0.587 * green + 0.114 * blue, (red + green) / 2 - blue
    found: list[Disc] = []
    for channel in (luminance, yellow + 0.5):
        every = [disc for level in LEVELS for disc in round_regions(channel > level, height)]
        for disc in every:
            steady = sum(disc.same(other) for other in every) >= STEADY
            fresh = all(math.hypot(disc.x - d.x, disc.y - d.y) > disc.radius + d.radius for d in found)
            if steady and fresh and shines(disc, luminance, yellow):
                found.append(disc)
    return found


def round_regions(mask: NDArray, height: int) -> list[Disc]:
    """The regions of a mask that have the area of a circle as wide as they are, or of its upper part as high as they are."""
    labels, count = label(mask)
    ys, xs = np.nonzero(labels)
    numbers = labels[ys, xs]
    top, left = (np.full(count + 1, max(mask.shape)) for _ in range(2))
    bottom, right = (np.full(count + 1, -1) for _ in range(2))
    for edge, at, places in (
        (np.minimum, top, ys),
        (np.minimum, left, xs),
        (np.maximum, bottom, ys),
        (np.maximum, right, xs),
    ):
        edge.at(at, numbers, places)
    area, wide, high = np.bincount(numbers, minlength=count + 1), right - left + 1, bottom - top + 1
    fits = (wide >= 2 * RADII[0] * height) & (wide <= 2 * RADII[1] * height) & (high >= 0.5 * wide) & (high <= 1.2 * wide)
    fits &= (bottom < len(mask) - 1) & (top > 0)
    found = []
    for k in np.flatnonzero(fits):
        radius, tall = float(wide[k]) / 2, float(high[k])
        whole = math.pi * radius * tall / 2 if tall > 1.7 * radius else cap(radius, tall)
        if abs(area[k] / whole - 1) < TOLERANCE:
            found.append(Disc(float(left[k] + right[k]) / 2, float(top[k]) + radius - 0.5, radius))
    return found


def cap(radius: float, high: float) -> float:
    """Area of the upper part of a circle, `high` from its top."""
    return radius**2 * math.acos((radius - high) / radius) - (radius - high) * math.sqrt(2 * radius * high - high * high)


def shines(disc: Disc, luminance: NDArray, yellow: NDArray) -> bool:
    """Bright and even; yellow, unlike clouds, and more so or brighter than the ring above and beside it; or in the dark."""
    ys, xs = np.ogrid[: luminance.shape[0], : luminance.shape[1]]
    away = np.hypot(ys - disc.y, xs - disc.x) / disc.radius
    inside = (away < 0.7) & (ys <= disc.y)
    ring = (away > 1.5) & (away < 2) & (ys <= disc.y + 0.3 * disc.radius)
    if not inside.any() or not ring.any():
        return False
    bright, golden = luminance[inside].mean(), yellow[inside].mean()
    if bright < 0.68 or luminance[inside].std() > 0.05 or luminance[ring].std() > 0.12:
        return False
    brighter = (luminance[ring] < bright - 0.1).mean() > 0.9
    yellower = (yellow[ring] < golden - 0.1).mean() > 0.9
    return bool((golden > 0.06 and (brighter or yellower)) or (brighter and luminance[ring].mean() < 0.45))


def label(mask: NDArray) -> tuple[NDArray, int]:
    """Connected regions (4 neighbors) of a boolean picture (H, W): their numbers from 1, 0 elsewhere, and how many.

    Runs of every row are joined with those of the row above that they touch.
    """
    parent: list[int] = [0]

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    labels = np.zeros(mask.shape, dtype=np.int64)
    for y, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
        for start, stop in edges.reshape(-1, 2).tolist():
            above = {root(k) for k in set(labels[y - 1, start:stop].tolist()) if k} if y else set()
            number = min(above, default=len(parent))
            if not above:
                parent.append(number)
            for k in above:
                parent[k] = number
            labels[y, start:stop] = number
    numbers, inverse = np.unique([root(k) for k in range(len(parent))], return_inverse=True)
    return inverse[labels], len(numbers) - 1


def count_discs(pictures: Tensor) -> Tensor:
    """How many discs each of the pictures (N, 3, H, W) shows: (N,)."""
    return torch.tensor([len(discs(picture)) for picture in pictures])

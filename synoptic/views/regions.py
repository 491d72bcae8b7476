"""Regions: windows of the whole canvas, and others that count only in a part of it (MultiDiffusion, Bar-Tal et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.views.base import Projection
from synoptic.views.device_copies import DeviceCopies
from synoptic.views.windows import Windows


class WindowRegion(NamedTuple):
    """Windows of the box whose corner on the canvas is (y, x), and where they count: a share (H, W) in [0, 1].

    On a circular canvas a box may run over the right edge into the left one.
    """

    windows: Windows
    corner: tuple[int, int]
    weight: Tensor


class WindowsWithRegions:
    """Windows of a base and of regions that lie on it, later ones on top; a region's views come after those before it.

    Valid because a crop of white noise is white noise. `unproject` is each one's own, weighted by its weight at the place.
    """

    def __init__(self, base: Projection, regions: Sequence[WindowRegion]) -> None:
        self.base, self.regions = base, regions
        self.canvas = base.canvas
        left = torch.ones(self.canvas[1:], dtype=torch.float64)
        weights: list[Tensor] = []
        for region in reversed(regions):
            weights.insert(0, left * region.weight)
            left = left * (1 - region.weight)
        self.weights = [left, *weights]
        columns = [region_columns(region, self.canvas[2]) for region in regions]
        own = [crop_region(w, region, places) for w, region, places in zip(weights, regions, columns, strict=True)]
        self._weights, self._columns = [DeviceCopies(w) for w in [left, *own]], [DeviceCopies(c) for c in columns]

    @property
    def view_counts(self) -> list[int]:
        """How many views the base has, and each region."""
        return [len(self.base), *(len(patch.windows) for patch in self.regions)]

    def __len__(self) -> int:
        return sum(self.view_counts)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Project z (B, C, H, W) to views (B*N, C, h, w). Every view is covered, so `onto` has no say."""
        columns = [places.on(z.device) for places in self._columns]
        crops = [z, *(crop_region(z, *own) for own in zip(self.regions, columns, strict=True))]
        every = [self.base, *(patch.windows for patch in self.regions)]
        rows = [v.project(crop).unflatten(0, (len(z), -1)) for v, crop in zip(every, crops, strict=True)]
        return torch.cat(rows, 1).flatten(0, 1)

    def unproject(self, x: Tensor) -> Tensor:
        """Blend base and regions of x (B*N, C, h, w) by their weights, which sum to 1: (B, C, H, W)."""
        first, *rest = x.unflatten(0, (-1, len(self))).split(self.view_counts, 1)
        z = self.base.unproject(first.flatten(0, 1)) * self._weights[0].like(x)
        for region, weight, columns, rows in zip(self.regions, self._weights[1:], self._columns, rest, strict=True):
            u = region.windows.unproject(rows.flatten(0, 1)) * weight.like(x)
            (y, _), h = region.corner, u.shape[-2]
            z[..., y : y + h, :].index_add_(-1, columns.on(z.device), u)
        return z

    def scaled(self, k: int) -> WindowsWithRegions:
        def finer(region: WindowRegion) -> WindowRegion:
            weight = region.weight.repeat_interleave(k, 0).repeat_interleave(k, 1)
            return WindowRegion(region.windows.scaled(k), (region.corner[0] * k, region.corner[1] * k), weight)

        return WindowsWithRegions(self.base.scaled(k), [finer(patch) for patch in self.regions])

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.project(randn(self.canvas, rngs, like))


def crop_region(z: Tensor, region: WindowRegion, columns: Tensor) -> Tensor:
    """Return what a region's windows cover of (…, H, W), in these columns."""
    (y, _), (_, h, _) = region.corner, region.windows.canvas
    return z[..., y : y + h, :].index_select(-1, columns)


def region_columns(region: WindowRegion, width: int) -> Tensor:
    """Return the columns of a canvas that a region's windows cover, from left to right, over
    the right edge into the left one.
    """
    return (region.corner[1] + torch.arange(region.windows.canvas[2])) % width


def make_region(
    weight: Tensor, channels: int, window: tuple[int, int], stride: tuple[int, int], circular: bool = False
) -> WindowRegion:
    """Return a region that counts where `weight` (H, W) is not 0: over that box, grown to a window where it is smaller.

    On a `circular` canvas the box goes around the ends where that is shorter, and a region all around has circular windows.
    Raises ValueError where the weight is 0 everywhere.
    """
    if not weight.any():
        raise ValueError("a region must cover part of the picture, one covers nothing: move or enlarge it")
    (top, bottom), (left, right) = (
        cover_interval(weight.any(1), window[0]),
        cover_interval(weight.any(0), window[1], circular),
    )
    around = circular and right - left == weight.shape[1]
    windows = Windows((channels, bottom - top, right - left), window, stride, circular=around)
    return WindowRegion(windows, (top, left), weight.double())


def cover_interval(covered: Tensor, window: int, circular: bool = False) -> tuple[int, int]:
    """Return start and end of what is covered, (L,) of one axis: at least a window, about the same middle, inside the axis.

    On a `circular` axis it is what the longest gap leaves, and its end may lie beyond L.
    """
    places, L = covered.nonzero().flatten().tolist(), len(covered)
    if circular:
        gaps = [(after - before, after) for before, after in pairwise([*places, places[0] + L])]
        gap, after = max(gaps)
        length = max(window, L - gap + 1)
        start = after % L - (length - (L - gap + 1)) // 2
        return (0, L) if length >= L else (start % L, start % L + length)
    start, end = places[0], places[-1] + 1
    missing = max(0, window - (end - start))
    start = min(max(0, start - missing // 2), L - max(window, end - start))
    return start, max(end, start + window)


def feather_mask(mask: Tensor, width: int, circular: bool = False) -> Tensor:
    """Return a mask (H, W) of 0 and 1 whose edge rises over about `width` pixels: the mean of the square around each place.

    Beyond the edges lies more of the same; on a `circular` canvas, beyond the left and right ones, the other end.
    """
    k = width // 2
    edges = torch.nn.functional.pad(mask[None, None].double(), [k, k, 0, 0], mode="circular" if circular else "replicate")
    edges = torch.nn.functional.pad(edges, [0, 0, k, k], mode="replicate")
    return torch.nn.functional.avg_pool2d(edges, 2 * k + 1, 1)[0, 0]

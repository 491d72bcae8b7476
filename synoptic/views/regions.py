"""Regions: windows of the whole canvas, and others that count only in a part of it (MultiDiffusion, Bar-Tal et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.views.base import Views
from synoptic.views.windows import Windows


class Patch(NamedTuple):
    """Windows of the box whose corner on the canvas is (y, x), and where they count: a share (H, W) in [0, 1]."""

    windows: Windows
    corner: tuple[int, int]
    share: Tensor


class WindowsWithRegions:
    """Views of a ground and of patches that lie on it, later ones on top; a patch's views come after those before it.

    Legal because a crop of white noise is white noise. `unproject` is each one's own, weighted by its share of the place.
    """

    def __init__(self, ground: Views, patches: Sequence[Patch]) -> None:
        self.ground, self.patches = ground, patches
        self.canvas = ground.canvas
        left = torch.ones(self.canvas[1:], dtype=torch.float64)
        shares: list[Tensor] = []
        for patch in reversed(patches):
            shares.insert(0, left * patch.share)
            left = left * (1 - patch.share)
        self.shares = [left, *shares]

    @property
    def sizes(self) -> list[int]:
        """How many views the ground has, and each patch."""
        return [len(self.ground), *(len(patch.windows) for patch in self.patches)]

    def __len__(self) -> int:
        return sum(self.sizes)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B*N, C, h, w). Every view is covered, so `onto` has no say."""
        crops = [z, *(box(z, patch) for patch in self.patches)]
        every = [self.ground, *(patch.windows for patch in self.patches)]
        rows = [v.project(crop).unflatten(0, (len(z), -1)) for v, crop in zip(every, crops, strict=True)]
        return torch.cat(rows, 1).flatten(0, 1)

    def unproject(self, x: Tensor) -> Tensor:
        """(B*N, C, h, w) -> (B, C, H, W), the ground and the patches by their shares, which sum to 1."""
        first, *rest = x.unflatten(0, (-1, len(self))).split(self.sizes, 1)
        z = self.ground.unproject(first.flatten(0, 1)) * self.shares[0].to(x)
        for patch, share, rows in zip(self.patches, self.shares[1:], rest, strict=True):
            box(z, patch).add_(patch.windows.unproject(rows.flatten(0, 1)) * box(share, patch).to(x))
        return z

    def at(self, k: int) -> WindowsWithRegions:
        def finer(patch: Patch) -> Patch:
            share = patch.share.repeat_interleave(k, 0).repeat_interleave(k, 1)
            return Patch(patch.windows.at(k), (patch.corner[0] * k, patch.corner[1] * k), share)

        return WindowsWithRegions(self.ground.at(k), [finer(patch) for patch in self.patches])

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.project(randn(self.canvas, rngs, like))


def box(z: Tensor, patch: Patch) -> Tensor:
    """What a patch's windows cover of (…, H, W): a view of the same memory."""
    (y, x), (_, h, w) = patch.corner, patch.windows.canvas
    return z[..., y : y + h, x : x + w]


def patch(share: Tensor, channels: int, window: tuple[int, int], stride: tuple[int, int]) -> Patch:
    """A patch that counts where `share` (H, W) is not 0: over that box, grown to a window where it is smaller.

    Raises ValueError where the share is 0 everywhere.
    """
    if not share.any():
        raise ValueError("a region must cover part of the picture, one covers nothing: move or enlarge it")
    sides = [along(share.any(1), window[0]), along(share.any(0), window[1])]
    canvas = (channels, *(end - start for start, end in sides))
    return Patch(Windows((canvas[0], canvas[1], canvas[2]), window, stride), (sides[0][0], sides[1][0]), share.double())


def along(covered: Tensor, window: int) -> tuple[int, int]:
    """Start and end of what is covered, (L,) of one axis: at least a window, about the same middle, inside the axis."""
    places = covered.nonzero().flatten().tolist()
    start, end = places[0], places[-1] + 1
    missing = max(0, window - (end - start))
    start = min(max(0, start - missing // 2), len(covered) - max(window, end - start))
    return start, max(end, start + window)


def feathered(mask: Tensor, width: int) -> Tensor:
    """A mask (H, W) of 0 and 1 whose edge rises over about `width` pixels: the mean of the square around each place."""
    k = width // 2
    edges = torch.nn.functional.pad(mask[None, None].double(), [k] * 4, mode="replicate")
    return torch.nn.functional.avg_pool2d(edges, 2 * k + 1, 1)[0, 0]

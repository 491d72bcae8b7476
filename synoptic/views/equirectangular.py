"""Perspective views of a whole sphere, whose canvas is equirectangular: 360 degree panoramas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.views.directions import Direction
from synoptic.views.gather import GatheredViews
from synoptic.views.sphere import (
    PIECE,
    axes_of,
    canvas_rays,
    edge_weight,
    half_extent,
    index_of,
    rays_at,
    seen_by,
    view_rays,
)

NOISE_DENSITY = 6  # places of noise in a canvas pixel, in each direction: enough for every pixel of a view to hold some


class Equirectangular(GatheredViews):
    """Square views of side `side` and `fov` degrees in these directions, which together see the `whole` sphere.

    canvas (C, H, 2H), in the model's own pixels. `matching_height` is as coarse as the views, so that views which overlap
    read the same places: on a finer canvas they would agree on nothing. `seen` (H, 2H) says which places any view sees;
    others are 0, where the views need not see the whole sphere. Raises ValueError for another shape, and where they do not.
    """

    def __init__(
        self, canvas: tuple[int, int, int], directions: Sequence[Direction], fov: float, side: int, *, whole: bool = True
    ) -> None:
        height = canvas[1]
        if canvas[2] != 2 * height:
            raise ValueError(f"an equirectangular canvas is twice as wide as high, {canvas[2]}x{height} was given")
        self.directions, self.fov, self.side = tuple(directions), fov, side
        pixel = (torch.arange(side, dtype=torch.float64) + 0.5) * 2 / side - 1
        weight = edge_weight(torch.stack([pixel.expand(side, -1), pixel[:, None].expand(-1, side)], -1))
        index = torch.stack([index_of(view_rays(d, fov, (side, side)), height) for d in self.directions])
        fill = nearest_read(index, height, self.directions, fov)
        self.seen = (fill >= 0).view(height, 2 * height)
        if whole and not self.seen.all():
            raise ValueError(f"{len(index)} views of {fov:g} degrees do not see the whole sphere: add views, or widen them")
        fill = torch.where(fill < 0, torch.arange(len(fill)), fill)
        super().__init__(canvas, index, weight.expand(len(index), -1, -1), fill)

    def scaled(self, k: int) -> Equirectangular:
        C, H, W = self.canvas
        return Equirectangular((C, H * k, W * k), self.directions, self.fov, self.side * k)

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        """Draw white noise in every view, shared between views: (B*N, C, s, s).

        Integral noise (Chang et al. 2024): a pixel is the sum of a denser canvas's noise within it, over the root of how
        many places that is. Those of one view share no place, so they are independent, at the poles too.
        """
        dense = randn((self.canvas[0], self._noise_height, 2 * self._noise_height), rngs, like).flatten(2)
        views = []
        for place, pixel in self._noise_places:
            count = torch.bincount(pixel, minlength=self.side**2)
            sums = dense.new_zeros(*dense.shape[:2], self.side**2)
            sums.index_add_(2, pixel.to(dense.device), dense[:, :, place.to(dense.device)])
            views.append(sums / count.to(dense).sqrt())
        return torch.stack(views, 1).view(-1, self.canvas[0], self.side, self.side)

    @property
    def _noise_height(self) -> int:
        return NOISE_DENSITY * self.canvas[1]

    @cached_property
    def _noise_places(self) -> list[tuple[Tensor, Tensor]]:
        """Of each view, the places of the noise's canvas that it sees, and the pixel of the view that each lies in."""
        rays = canvas_rays(self._noise_height).view(-1, 3)
        found = []
        for direction in self.directions:
            place, at = seen_by(direction, self.fov, rays)
            found.append((place, pixel_of(at, self.side)))
            if len(found[-1][1].unique()) < self.side**2:
                raise ValueError(f"views of {self.fov:g} degrees have pixels too small for this canvas's noise: narrow them")
        return found


def matching_height(fov: float, side: int) -> int:
    """Return the height of the canvas whose pixels are a view's in its middle: pi s / (2 h), to a multiple of 4."""
    return 4 * round(math.pi * side / half_extent(fov) / 8)


def pixel_of(at: Tensor, side: int) -> Tensor:
    """Map places in a view, (K, 2) as (x, y) in [-1, 1] to the pixel of the flat view that each lies in, (K,)."""
    column, row = ((at + 1) / 2 * side).floor().long().clamp(0, side - 1).unbind(-1)
    return row * side + column


def nearest_read(index: Tensor, height: int, directions: Sequence[Direction], fov: float) -> Tensor:
    """Return for every place (H*W,) one that is read: itself, or what the view that faces it reads there; -1 if unseen.

    index: (N, s, s), the places that views read.
    """
    is_read = torch.zeros(2 * height**2, dtype=torch.bool).index_fill(0, index.flatten(), True)
    fill = torch.where(is_read, torch.arange(len(is_read)), -1)
    for missing in (~is_read).nonzero(as_tuple=True)[0].split(PIECE):
        rays = rays_at(missing, height)
        facing = torch.full((len(missing),), -1.0, dtype=torch.float64)
        for n, direction in enumerate(directions):
            seen, at = seen_by(direction, fov, rays)
            depth = rays[seen] @ axes_of(direction)[2]
            nearer = depth > facing[seen]
            seen, at = seen[nearer], at[nearer]
            facing[seen] = depth[nearer]
            fill[missing[seen]] = index[n].flatten()[pixel_of(at, index.shape[1])]
    return fill

"""Views whose pixels read one place of the canvas each, or none: what a sphere and a surface share."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.views.device_copies import DeviceCopies


class GatheredViews:
    """N views of h x w pixels by an index into the canvas: gathered to project, weighted and added up to unproject.

    canvas (C, H, W); index (N, h, w), the place on the flat canvas that a pixel reads, -1 for a background; weight
    (N, h, w), positive, its share in the mean of all pixels that read one place; fill (H*W,), the place that each one's
    value is taken from after the mean: itself where any view reads it, and what stands in for it elsewhere. Reading only
    what was hit, filling only what was not, and averaging over exactly the pixels that read a place, both laws of a
    projection hold: unproject(project(z)) is z wherever a view reads it, and project∘unproject is idempotent.
    """

    def __init__(self, canvas: tuple[int, int, int], index: Tensor, weight: Tensor, fill: Tensor) -> None:
        self.canvas, self.size, self.fill = canvas, (index.shape[1], index.shape[2]), fill
        self.covered = index.flatten() >= 0
        self.index = index.flatten().clamp(min=0)
        self._index = DeviceCopies(self.index)
        stands_in = not torch.equal(fill, torch.arange(len(fill)))
        self._fill = DeviceCopies(fill) if stands_in else None
        self._covered = None if self.covered.all() else DeviceCopies(self.covered.view(len(self), 1, *self.size))
        self._weigh(weight)

    def _weigh(self, weight: Tensor) -> None:
        """Set every pixel's share, (N, h, w), in the mean of the place that it reads."""
        weight = weight.flatten().double() * self.covered
        total = torch.zeros(len(self.fill), dtype=torch.float64).index_add(0, self.index, weight)
        self.weight = torch.where(self.covered, weight / total[self.index], 0)
        self._weight = DeviceCopies(self.weight)

    def __len__(self) -> int:
        return len(self.index) // (self.size[0] * self.size[1])

    @property
    def hit(self) -> Tensor:
        """(H, W), whether any view reads a place."""
        _, H, W = self.canvas
        return torch.zeros(H * W, dtype=torch.bool).index_fill(0, self.index[self.covered], True).view(H, W)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Project z (B, C, H, W) to views (B*N, C, h, w); a background keeps `onto`, and is 0 without."""
        B, C = z.shape[:2]
        x = z.flatten(2)[:, :, self._index.on(z.device)].view(B, C, len(self), *self.size).transpose(1, 2)
        if self._covered is not None:
            beyond = 0 if onto is None else onto.unflatten(0, (B, -1))
            x = torch.where(self._covered.on(z.device), x, beyond)
        return x.flatten(0, 1)

    def unproject(self, x: Tensor) -> Tensor:
        """Return the weighted mean (B, C, H, W) of x's (B*N, C, h, w) pixels that read a place; filled where none does."""
        C, H, W = x.shape[1], *self.canvas[1:]
        x = x.reshape(-1, len(self), C, self.size[0] * self.size[1]).transpose(1, 2).flatten(2)
        z = x.new_zeros(len(x), C, H * W).index_add_(2, self._index.on(x.device), x * self._weight.like(x))
        if self._fill is not None:
            z = z[:, :, self._fill.on(z.device)]
        return z.view(-1, C, H, W)

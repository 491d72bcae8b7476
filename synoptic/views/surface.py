"""Views of a surface, whose canvas is the surface itself, in cells as coarse as the views' pixels: textures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.views.gather import GatheredViews
from synoptic.views.pixel_space import PixelSpace

LEAST_COSINE = LEAST_FIRM = 0.01  # that a pixel counts by, however obliquely it looks, however near to a silhouette


class Grains(NamedTuple):
    """What views share noise in: `pairs` (K, 2) of each view, the number of a grain and the pixel that it lies in, no grain
    in two pixels of a view; there are `total`.
    """

    pairs: Sequence[Tensor]
    total: int


class SurfaceMaps(NamedTuple):
    """What N views of s x s pixels see: the `cell` of each pixel (N, s, s), -1 for none, the `cosine` it looks at it by, and
    how `firm` it is: less than 1 near a silhouette.

    Cells are numbered from 0, every one is seen. Grains are finer, and found where noise is drawn alone.
    """

    cell: Tensor
    cosine: Tensor
    firm: Tensor
    grains: Callable[[], Grains]


class SurfaceViews(GatheredViews):
    """N square views of side `side`; the canvas (C, 1, K) has the K cells of the surface that they see.

    Cells are boxes of space, not texels, so that no seam of a texture's charts is in the way. A pixel's share in the mean is
    how firm it is times its cosine to the power of `power`: 0, all alike; 6, nearly the straightest alone. `maps_at` gives
    the maps of a side.
    """

    def __init__(self, channels: int, maps_at: Callable[[int], SurfaceMaps], side: int, power: float = 1.0) -> None:
        self.channels, self.maps_at, self.side, self.power = channels, maps_at, side, power
        self.maps = maps_at(side)
        cells = max(1, int(self.maps.cell.max()) + 1)
        super().__init__((channels, 1, cells), self.maps.cell, self._shares(power), torch.arange(cells))

    def scaled(self, k: int) -> SurfaceViews:
        return SurfaceViews(self.channels, self.maps_at, self.side * k, self.power)

    def with_power(self, power: float) -> SurfaceViews:
        """Return the same views, whose pixels count by another power of the cosine. What they read is not found again."""
        views = copy(self)
        views.power = power
        views._weigh(self._shares(power))
        return views

    def _shares(self, power: float) -> Tensor:
        firm, cosine = self.maps.firm.double(), self.maps.cosine.double()
        return firm.clamp(min=LEAST_FIRM) * cosine.clamp(min=LEAST_COSINE) ** power

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        """Draw white noise in every view, shared between views where they see the same: (B*N, C, s, s).

        Integral noise (Chang et al. 2024): a pixel is the sum of its grains over the root of how many; one without a grain,
        and the background, has noise of its own.
        """
        C, N, s = self.channels, len(self), self.side
        grains = self.maps.grains()
        dense = randn((C, 1, max(1, grains.total)), rngs, like).flatten(2)
        own = randn((C * N, s, s), rngs, like).view(-1, C, N, s * s)
        views = []
        for n, pairs in enumerate(grains.pairs):
            grain, pixel = pairs.to(dense.device).unbind(1)
            count = torch.bincount(pixel, minlength=s * s)
            sums = dense.new_zeros(*dense.shape[:2], s * s).index_add_(2, pixel, dense[:, :, grain])
            views.append(torch.where(count > 0, sums / count.clamp(min=1).to(dense).sqrt(), own[:, :, n]))
        return torch.stack(views, 1).view(-1, C, s, s)


class DecodedSurface(PixelSpace):
    """Views of a surface through pixels, where each keeps its own background."""

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Encode the views of z (B, 3, 1, K) as latents (B*N, C, h, w), with what the autoencoder loses of `onto`."""
        if onto is None:
            return super().project(z)
        own = self._decoded(onto)
        return self.encode(self.inner.project(z, onto=own)) + (onto - self.encode(own))

    def scaled(self, k: int) -> DecodedSurface:
        return DecodedSurface(self.inner.scaled(k), self.encode, self.decode, residual=self.residual)

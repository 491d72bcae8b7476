"""A known part of a sphere, what the views lack of which is carried on into the rest: no edge around what is painted."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from synoptic.io.blending import REACH, extend_inward
from synoptic.io.sphere_blending import extend_sphere
from synoptic.views.base import Projection
from synoptic.views.known_part import KnownPart

MARGIN = 16  # cells beyond an edge of the canvas that are looked at: four times what a difference sinks by


class CarriedPart(KnownPart):
    """A `KnownPart` of an equirectangular canvas: by how much the views miss it sinks to 0 in what is painted beside it.

    Over REACH cells of `block` pixels, a latent's, as in inpainting (`sampling.inpaint.keep_known`). The laws hold as
    KnownPart's do: views of a canvas that has the part lack nothing of it.
    """

    def __init__(self, inner: Projection, known: Tensor, where: Tensor, block: int) -> None:
        super().__init__(inner, known, where)
        self.block = block

    def unproject(self, x: Tensor) -> Tensor:
        """Return the canvas (B, C, H, W) of views (B*N, C, h, w), with the known part."""
        z, where, known = self.inner.unproject(x), self._where.on(x.device), self._known.like(x)
        carried = z + self._carried(torch.where(where, known - z, 0), where.to(x))
        return torch.where(where, known, self.inner.unproject(self.inner.project(carried)))  # what no view reads follows

    def _carried(self, lack: Tensor, where: Tensor) -> Tensor:
        """Return what is lacked (B, C, H, W) where it is known, in cells, and from there on ever less."""
        share = avg_pool2d(where[None, None], self.block)
        mean = avg_pool2d(lack, self.block) / share.clamp(min=1e-6)
        margin = min(MARGIN, share.shape[-2])
        cells = extend_inward(extend_sphere(mean, margin), extend_sphere(share, margin) > 0, REACH)
        inner = slice(margin * self.block, -margin * self.block)
        return interpolate(cells, scale_factor=self.block, mode="bilinear")[..., inner, inner]

    def scaled(self, k: int) -> CarriedPart:
        finer = super().scaled(k)
        return CarriedPart(finer.inner, finer.known, finer.where, self.block * k)

"""Views of a canvas of which a part is known: a photograph, to be continued all around it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synoptic.views.base import Projection
from synoptic.views.device_copies import DeviceCopies


class KnownPart:
    """What `inner` says, but where a part is known: that stays as it is, and every view is shown it.

    known (C, H, W) and where (H, W), True in the part. Both laws hold as `inner`'s do, the first for canvases that have the
    part. For sync "x0": what is known is clean.
    """

    def __init__(self, inner: Projection, known: Tensor, where: Tensor) -> None:
        self.inner, self.known, self.where = inner, known, where
        self.canvas = inner.canvas
        self._known, self._where = DeviceCopies(known), DeviceCopies(where)

    def __len__(self) -> int:
        return len(self.inner)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Project z (B, C, H, W) to views (B*N, C, h, w)."""
        return self.inner.project(z, onto)

    def unproject(self, x: Tensor) -> Tensor:
        """Bring views x (B*N, C, h, w) back to the canvas (B, C, H, W), with the known part."""
        return torch.where(self._where.on(x.device), self._known.like(x), self.inner.unproject(x))

    def scaled(self, k: int) -> KnownPart:
        def finer(x: Tensor) -> Tensor:
            return x.repeat_interleave(k, -1).repeat_interleave(k, -2)

        return KnownPart(self.inner.scaled(k), finer(self.known), finer(self.where))

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.inner.noise(rngs, like)

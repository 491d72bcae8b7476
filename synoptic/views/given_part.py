"""Views of a canvas of which a part is given: a photograph, to be continued all around it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synoptic.views.base import Projection


class GivenPart:
    """What `inner` says, but where a part is given: that stays as it is, and every view is shown it.

    given (C, H, W) and where (H, W), True in the part. Both laws hold as `inner`'s do, the first for canvases that have the
    part. For sync "x0": what is given is clean.
    """

    def __init__(self, inner: Projection, given: Tensor, where: Tensor) -> None:
        self.inner, self.given, self.where = inner, given, where
        self.canvas = inner.canvas

    def __len__(self) -> int:
        return len(self.inner)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B*N, C, h, w)."""
        return self.inner.project(z, onto)

    def unproject(self, x: Tensor) -> Tensor:
        """(B*N, C, h, w) -> (B, C, H, W), with the part that is given."""
        return torch.where(self.where.to(x.device), self.given.to(x), self.inner.unproject(x))

    def scaled(self, k: int) -> GivenPart:
        def finer(x: Tensor) -> Tensor:
            return x.repeat_interleave(k, -1).repeat_interleave(k, -2)

        return GivenPart(self.inner.scaled(k), finer(self.given), finer(self.where))

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.inner.noise(rngs, like)

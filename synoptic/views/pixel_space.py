"""Views through pixels: for models of latents, whose latents cannot be turned or taken apart, but whose pictures can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synoptic.views.base import Projection


class PixelSpace:
    """Views of a canvas of pixels for a latent model: each is decoded, brought together as `inner` does, encoded again.

    project(z, onto=u) = encode(inner.project(z)) + (u - encode(decode(u))): what the autoencoder loses of u is given back,
    so that a single identity view returns u exactly; without `residual` it is lost anew at every step. For sync "x0", a
    state per view and noise of each view's own: pixels have no latent noise to share (Kim et al. 2024, SyncTweedies).
    """

    def __init__(
        self,
        inner: Projection,
        encode: Callable[[Tensor], Tensor],
        decode: Callable[[Tensor], Tensor],
        *,
        residual: bool = True,
    ) -> None:
        self.inner, self.encode, self.decode, self.residual = inner, encode, decode, residual
        self._last: tuple[Tensor, Tensor] | None = None

    @property
    def canvas(self) -> tuple[int, int, int]:
        """(3, H, W), in pixels."""
        return self.inner.canvas

    def __len__(self) -> int:
        return len(self.inner)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Encode the views of z (B, 3, H, W) as latents (B*N, C, h, w), with what the autoencoder loses of `onto`."""
        x = self.encode(self.inner.project(z))
        return x if onto is None or not self.residual else x + (onto - self.encode(self._decoded(onto)))

    def unproject(self, x: Tensor) -> Tensor:
        """Decode latents (B*N, C, h, w) and bring them to the canvas (B, 3, H, W)."""
        return self.inner.unproject(self._decoded(x))

    def scaled(self, k: int) -> PixelSpace:
        return PixelSpace(self.inner.scaled(k), self.encode, self.decode, residual=self.residual)

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        """Raise ValueError: see above."""
        raise ValueError("a canvas of pixels has no latent noise to share: start from independent noise, with eta 0")

    def _decoded(self, x: Tensor) -> Tensor:
        """Return a step asks twice for the same latents: on the way to the canvas, and for what the autoencoder loses."""
        if self._last is None or self._last[0] is not x:
            self._last = x, self.decode(x)
        return self._last[1]

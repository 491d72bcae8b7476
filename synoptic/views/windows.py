"""Windows: crops of a canvas of any size, which is how a model of one size paints wide (Bar-Tal et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.utils.arguments import typed
from synoptic.views.base import by_picture, check_canvas
from synoptic.views.device_copies import DeviceCopies

Weights = Literal["feather", "uniform"]


@typed
class Windows:
    """Overlapping crops of a canvas, every pixel covered. Valid because a crop of white noise is white noise.

    canvas (C, H, W) and window (h, w) are in the model's own pixels (latents or pixels), stride per axis (sy, sx). Windows
    start at every multiple of the stride, and one more ends at the edge where those leave a remainder; with `circular` they
    run over the right edge into the left one, so that the picture closes to a loop. `offset` (oy, ox) moves them all down
    and right; those that would leave the canvas stop at its edge, or run over it. `weights`: "uniform" is MultiDiffusion's
    plain mean; "feather" falls off toward each window's edge and hides where windows begin.

    Raises ValueError where a window is larger than the canvas or the stride not in 1 … window.
    """

    def __init__(
        self,
        canvas: tuple[int, int, int],
        window: tuple[int, int],
        stride: tuple[int, int],
        *,
        circular: bool = False,
        weights: Weights = "feather",
        offset: tuple[int, int] = (0, 0),
    ) -> None:
        self.canvas, self.window, self.stride = canvas, window, stride
        self.circular, self.offset = circular, offset
        self.weights: Weights = weights
        _, H, W = canvas
        ys, xs = (
            window_starts(H, window[0], stride[0], False, offset[0]),
            window_starts(W, window[1], stride[1], circular, offset[1]),
        )
        rows = (torch.tensor(ys)[:, None] + torch.arange(window[0]))[:, None, :, None]
        cols = ((torch.tensor(xs)[:, None] + torch.arange(window[1])) % W)[None, :, None, :]
        self.index = (rows * W + cols).flatten()  # (N*h*w,) places on the flat canvas
        ramp = feather if weights == "feather" else torch.ones
        w = (ramp(window[0])[:, None] * ramp(window[1])).double().expand(len(ys) * len(xs), *window).flatten()
        self.weight = w / torch.zeros(H * W, dtype=w.dtype).index_add(0, self.index, w)[self.index]
        self._index, self._weight = DeviceCopies(self.index), DeviceCopies(self.weight)

    def __len__(self) -> int:
        return len(self.index) // (self.window[0] * self.window[1])

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Cut z (B, C, H, W) into the windows (B*N, C, h, w). Every view is covered, so `onto` has no say."""
        check_canvas(z, self.canvas)
        B, C = z.shape[:2]
        x = z.flatten(2)[:, :, self._index.on(z.device)].view(B, C, len(self), -1)
        return x.transpose(1, 2).reshape(-1, C, *self.window)

    def unproject(self, x: Tensor) -> Tensor:
        """Return the weighted mean (B, C, H, W) of the windows x (B*N, C, h, w) over each place."""
        C, H, W = x.shape[1], *self.canvas[1:]
        x = by_picture(x, len(self), self.window).flatten(3).transpose(1, 2).flatten(2)
        z = x.new_zeros(len(x), C, H * W).index_add_(2, self._index.on(x.device), x * self._weight.like(x))
        return z.view(-1, C, H, W)

    def scaled(self, k: int) -> Windows:
        C, H, W = self.canvas
        (h, w), (sy, sx), (oy, ox) = self.window, self.stride, self.offset
        return Windows(
            (C, H * k, W * k),
            (h * k, w * k),
            (sy * k, sx * k),
            circular=self.circular,
            weights=self.weights,
            offset=(oy * k, ox * k),
        )

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.project(randn(self.canvas, rngs, like))


def window_starts(length: int, window: int, stride: int, circular: bool = False, offset: int = 0) -> list[int]:
    """Return where windows begin along one axis so that they cover it all: multiples of the stride, and the edge's own.

    With an offset they begin so much later; the one before the first and the one after the last are moved inside.
    Raises ValueError where the window is longer than the axis or the stride not in 1 … window.
    """
    if window > length:
        raise ValueError(f"a window of {window} is larger than the canvas, {length}: widen the canvas")
    if not 1 <= stride <= window:
        raise ValueError(f"stride must be between 1 and the window's size, {window}, not {stride}: windows would leave gaps")
    if circular:
        return [(start + offset) % length for start in range(0, length, stride)]
    every = range(offset % stride - stride, length - window + stride, stride)
    return sorted({min(max(start, 0), length - window) for start in every})


def feather(n: int) -> Tensor:
    """Return the raised cosine, positive and symmetric: sin²(π (i + ½) / n), i = 0 … n-1."""
    return torch.sin(torch.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n) ** 2

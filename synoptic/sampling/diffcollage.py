"""DiffCollage: a large picture as a factor graph of windows and their overlaps (Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, coefficients
from synoptic.guidance.cfg import Predict
from synoptic.views.device_copies import DeviceCopies
from synoptic.views.windows import window_starts


def diffcollage_predict(
    predict: Predict,
    s: Schedule,
    canvas: tuple[int, int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    circular: bool,
) -> Predict:
    """Return (z, t) -> Pred of a canvas (B, C, H, W): the windows' scores minus their overlaps'. Any loop takes it.

    log p(z) = sum_windows log p - sum_overlaps log p for windows in a chain, or with `circular` in a ring, each independent
    of the rest given its neighbors (Zhang et al. 2023, section 3), so the scores add up likewise, with coefficients that
    sum to 1 at every place: then so do eps and x0. On both axes the graph is the product of two chains. `predict` is given
    overlaps at their own size: their marginal, as far as a network can tell. Raises ValueError as `window_starts`.
    """
    _, H, W = canvas
    graph: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for (y, h, a), (x, w, b) in product(
        factor_graph_1d(H, window[0], stride[0]), factor_graph_1d(W, window[1], stride[1], circular)
    ):
        graph.setdefault((h, w, a * b), []).append((y, x))
    every = [(sign, Crops(canvas, (h, w), corners)) for (h, w, sign), corners in graph.items()]

    def canvas_predict(z: Tensor, t: Time, _views: object = None) -> Pred:
        x0 = torch.zeros_like(z)
        for sign, crops in every:
            x0 += sign * crops.sum(predict(crops.project(z), t, crops).x0)
        a, sigma = coefficients(s, t, z)
        return Pred(x0, (z - a * x0) / sigma)

    return canvas_predict


def factor_graph_1d(length: int, window: int, stride: int, circular: bool = False) -> list[tuple[int, int, int]]:
    """Return (start, length, 1) of one axis's windows, (start, length, -1) of overlaps: they sum to 1 everywhere."""
    first = window_starts(length, window, stride, circular)
    after = [*first[1:], length] if circular else first[1:]
    overlaps = [(b % length, a + window - b, -1) for a, b in zip(first, after, strict=False) if b < a + window]
    return [(start, window, 1) for start in first] + overlaps


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops of one size (h, w) at `corners` (y, x), which run over the right edge: what `predict` takes them for."""

    canvas: tuple[int, int, int]
    size: tuple[int, int]
    corners: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.corners)

    @cached_property
    def index(self) -> DeviceCopies:
        (h, w), (_, _, W) = self.size, self.canvas
        one = [(y + torch.arange(h))[:, None] * W + (x + torch.arange(w)) % W for y, x in self.corners]
        return DeviceCopies(torch.stack(one).flatten())

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Cut z (B, C, H, W) into the crops (B*N, C, h, w)."""
        x = z.flatten(2)[:, :, self.index.on(z.device)].unflatten(2, (len(self), -1))
        return x.transpose(1, 2).reshape(-1, z.shape[1], *self.size)

    def sum(self, x: Tensor) -> Tensor:
        """Add the crops (B*N, C, h, w) up on the canvas (B, C, H, W)."""
        C, H, W = x.shape[1], *self.canvas[1:]
        x = x.reshape(-1, len(self), C, self.size[0] * self.size[1]).transpose(1, 2).flatten(2)
        return x.new_zeros(len(x), C, H * W).index_add_(2, self.index.on(x.device), x).view(-1, C, H, W)

    def scaled(self, k: int) -> Crops:
        C, H, W = self.canvas
        h, w = self.size
        return Crops((C, H * k, W * k), (h * k, w * k), [(y * k, x * k) for y, x in self.corners])

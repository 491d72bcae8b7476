"""Some of the views, for calls of the network with their rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred
from synoptic.views.base import Projection
from synoptic.views.device_copies import DeviceCopies


@dataclass(frozen=True, eq=False)
class ViewSubset:
    """The rows `indices` of each picture's views. It has `project`, no `unproject`: the rest is missing."""

    views: Projection
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def canvas(self) -> tuple[int, int, int]:
        return self.views.canvas

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Project z (B, C, H, W) to these views (B*n, C, h, w)."""
        return self.select(self.views.project(z, onto))

    def scaled(self, k: int) -> ViewSubset:
        return ViewSubset(self.views.scaled(k), self.indices)

    def select(self, x: Tensor) -> Tensor:
        """Return these rows (B*n, …) of all views' x (B*N, …)."""
        return x.unflatten(0, (-1, len(self.views)))[:, row_numbers(tuple(self.indices)).on(x.device)].flatten(0, 1)


def together(some: Sequence[ViewSubset], parts: Sequence[Pred]) -> Pred:
    """Return the predictions of some views each, which are all views together, as one."""
    variances = [p.var for p in parts if p.var is not None]
    return Pred(
        among_all(some, [p.x0 for p in parts]),
        among_all(some, [p.eps for p in parts]),
        among_all(some, variances) if variances else None,
    )


def among_all(some: Sequence[ViewSubset], parts: Sequence[Tensor]) -> Tensor:
    """Return the rows of some views each (B*n, …), which are all views together, as those of all views (B*N, …)."""
    rows = torch.cat([x.unflatten(0, (-1, len(own))) for own, x in zip(some, parts, strict=True)], 1)
    given = [n for own in some for n in own.indices]
    order = tuple(given.index(n) for n in range(len(given)))
    return rows[:, row_numbers(order).on(rows.device)].flatten(0, 1)


@lru_cache(64)
def row_numbers(indices: tuple[int, ...]) -> DeviceCopies:
    """Return the numbers of rows as a tensor."""
    return DeviceCopies(torch.tensor(indices, dtype=torch.long))

"""Some of the views, for calls of the network with their rows only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred
from synoptic.views.base import Projection


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
        return x.unflatten(0, (-1, len(self.views)))[:, torch.as_tensor(self.indices, device=x.device)].flatten(0, 1)

    def among_all(self, x: Tensor) -> Tensor:
        """Return these rows x (B*n, …) among all views' (B*N, …), which are 0."""
        rows = x.unflatten(0, (-1, len(self)))
        index = torch.as_tensor(self.indices, device=x.device)
        return x.new_zeros(len(rows), len(self.views), *x.shape[1:]).index_copy(1, index, rows).flatten(0, 1)


def together(some: Sequence[ViewSubset], parts: Sequence[Pred]) -> Pred:
    """Return the predictions of some views each as one of all views."""
    variances = [p.var for p in parts if p.var is not None]
    return Pred(
        among_all(some, [p.x0 for p in parts]),
        among_all(some, [p.eps for p in parts]),
        among_all(some, variances) if variances else None,
    )


def among_all(some: Sequence[ViewSubset], parts: Sequence[Tensor]) -> Tensor:
    """Return the rows of some views each (B*n, …) as those of all views (B*N, …)."""
    return torch.stack([own.among_all(x) for own, x in zip(some, parts, strict=True)]).sum(0)

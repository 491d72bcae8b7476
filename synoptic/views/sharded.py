"""Views shared out over processes, a GPU each: every one denoises its own, and the canvas is their sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from synoptic.distributed import init_process_group, is_distributed
from synoptic.views.base import Projection


def shard(views: Projection | Callable[[int], Projection]) -> Projection | Callable[[int], Projection]:
    """Return the views of this process, or of each step: all of them in a process alone, else
    its share, as torchrun numbers it.
    """
    if not is_distributed():
        return views
    init_process_group()
    return (lambda i: ShardedProjection(views(i))) if callable(views) else ShardedProjection(views)


class ShardedProjection:
    """This process's part of `views`, whose `unproject` must be linear, as that of windows is.

    `unproject` is one sum over all processes, bitwise the same in each, so their canvases never part. The group of processes
    must be there; shares differ by one view at most. Raises ValueError where there are fewer views than processes.
    """

    def __init__(self, views: Projection) -> None:
        if len(views) < dist.get_world_size():
            raise ValueError(f"{len(views)} views cannot be shared by {dist.get_world_size()} processes: start fewer")
        self.views, self.canvas = views, views.canvas
        N, rank, size = len(views), dist.get_rank(), dist.get_world_size()
        self.indices = range(N * rank // size, N * (rank + 1) // size)

    def __len__(self) -> int:
        return len(self.indices)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        return self._select(self.views.project(z, onto if onto is None else self._scatter(onto)))

    def unproject(self, x: Tensor) -> Tensor:
        z = self.views.unproject(self._scatter(x))
        dist.all_reduce(z)
        return z

    def scaled(self, k: int) -> ShardedProjection:
        return ShardedProjection(self.views.scaled(k))

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self._select(self.views.noise(rngs, like))

    def _select(self, x: Tensor) -> Tensor:
        return x.unflatten(0, (-1, len(self.views)))[:, self.indices.start : self.indices.stop].flatten(0, 1)

    def _scatter(self, x: Tensor) -> Tensor:
        """Put this process's rows in their places among all, the others' zero."""
        own = x.unflatten(0, (-1, len(self)))
        every = own.new_zeros(len(own), len(self.views), *own.shape[2:])
        every[:, self.indices.start : self.indices.stop] = own
        return every.flatten(0, 1)

"""A compiled network: torch.compile for few batch sizes, since every new one costs a minute."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

WASTE = 1.25  # a batch is filled up to a size that is there if that costs at most so much
CACHE = Path("~/.cache/synoptic/compiled")


class Static:
    """`net`, compiled at its first call of each batch size; what was compiled is kept on disk for later runs."""

    def __init__(self, net: nn.Module) -> None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(CACHE.expanduser()))
        torch.backends.cudnn.benchmark = True  # shapes that stay are worth finding the fastest convolutions for
        self.net: Any = torch.compile(net, dynamic=False)
        self.sizes: set[int] = set()

    def __call__(self, *args: Any, **more: Any) -> Any:
        return self.net(*args, **more)

    def size(self, rows: int) -> int:
        """To how many rows a batch of so many is filled up: a size that was there before, or its own."""
        size = min((size for size in self.sizes if rows <= size <= WASTE * rows), default=rows)
        self.sizes.add(size)
        return size

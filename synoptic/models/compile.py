"""Compiled networks: whole, for few batch sizes, since every new one costs a minute; for gradients block by block."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)
BLOCK_CLASS = "ResnetBlock2D"  # what a network repeats, and where its group norms are
RECOMPILE_LIMIT = 128  # sizes of blocks in a network, there and back; beyond its own 8, torch leaves what is new uncompiled
MAX_PADDING = 1.25  # a batch is filled up to a size that is there if that costs at most so much
GRAPH_PLACES = 2**14  # rows x height x width: of so few a GPU is done before the CPU has launched the next kernel
CACHE_DIR = Path("~/.cache/synoptic/compiled")


class CompiledNet:
    """`net`, compiled at its first call of each batch size; what was compiled is kept on disk for later runs."""

    def __init__(self, net: nn.Module) -> None:
        use_compile_cache()
        torch.backends.cudnn.benchmark = True  # shapes that stay are worth finding the fastest convolutions for
        self.net = torch.compile(net, dynamic=False)
        self.graphed = torch.compile(net, dynamic=False, mode="reduce-overhead")
        self.sizes: set[int] = set()

    def __call__(self, x: Tensor, *args: object, **more: object) -> tuple[Tensor, ...]:
        if not is_graphed(x):
            return self.net(x, *args, **more)
        torch.compiler.cudagraph_mark_step_begin()
        return tuple(out.clone() for out in self.graphed(x, *args, **more))  # the next call writes over them

    def padded_batch(self, rows: int) -> int:
        """Return to how many rows a batch of so many is filled up: a size that was there before, or its own."""
        size = min((size for size in self.sizes if rows <= size <= MAX_PADDING * rows), default=rows)
        self.sizes.add(size)
        return size


def is_graphed(x: Tensor) -> bool:
    """Return whether rows (N, C, h, w) are recorded as a CUDA graph: few places, in the thread that torch's graphs are of.

    What a graph computes in stays taken, so that large calls are not recorded.
    """
    return x.is_cuda and len(x) * x[0, 0].numel() <= GRAPH_PLACES and current_thread() is main_thread()


class GraphedCall:
    """f of a batch (N, …) through which gradients pass, recorded as a CUDA graph there and back: one launch each.

    It is recorded at the first call, in which f is run a few times, for batches of that shape. What it returns, and the
    gradient of the batch, are overwritten by the next call, so that f itself is called until gradients have come back.
    f's weights have no gradients.
    """

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        self.f, self.waits = f, False
        self.recorded: Any = None  # f, to be called with tensors of this shape
        self.shape: torch.Size | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if not x.is_cuda or self.waits or self.shape not in (None, x.shape) or current_thread() is not main_thread():
            return self.f(x)
        if self.recorded is None:
            like = x.detach().clone().requires_grad_()
            self.recorded, self.shape = torch.cuda.make_graphed_callables(self.f, (like,)), x.shape
        out, self.waits = self.recorded(x), True
        out.register_hook(self._came_back)
        return out

    def _came_back(self, gradient: Tensor) -> None:
        self.waits = False


def compile_blocks(net: N) -> N:
    """Return `net` in channels_last, its blocks compiled at their first calls, a minute; a whole way back takes several.

    Most of it is gained by the group norms, whose own kernels copy channels_last there and back.
    """
    use_compile_cache()
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, RECOMPILE_LIMIT)
    for block in net.modules():
        if type(block).__name__ == BLOCK_CLASS:
            block.compile(dynamic=False)
    for weight in net.parameters():
        if weight.dim() == 4:  # of pictures' convolutions; films' have five dimensions
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return net


def use_compile_cache() -> None:
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(CACHE_DIR.expanduser()))

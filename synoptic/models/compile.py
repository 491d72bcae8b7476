"""Networks compiled, whole or for gradients block by block, and calls of few rows captured as CUDA graphs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from synoptic.models.memory import free_memory
from synoptic.utils.capture import undisturbed_capture

N = TypeVar("N", bound=nn.Module)
BLOCK_CLASS = "ResnetBlock2D"  # what a network repeats, and where its group norms are
RECOMPILE_LIMIT = 128  # sizes of blocks in a network, there and back; beyond its own 8, torch leaves what is new uncompiled
MAX_PADDING = 1.25  # a batch is filled up to a size that is there if that costs at most so much
CALLS_BEFORE_CAPTURE, MAX_GRAPHS = 2, 8  # of one size; capture takes as long as some ten calls, and memory
GRAPH_PLACES = 2**14  # rows x height x width: of so few a GPU is done before the CPU has launched the next kernel
CACHE_DIR = Path("~/.cache/synoptic/compiled")


class CompiledNet:
    """`net`, compiled at its first call of each batch size; what was compiled is kept on disk for later runs.

    Few rows are better captured as they are (`GraphedNet`): compiled too, they would take ten thousand calls to pay.
    """

    def __init__(self, net: nn.Module) -> None:
        use_compile_cache()
        torch.backends.cudnn.benchmark = True  # shapes that stay are worth finding the fastest convolutions for
        self.net = torch.compile(net, dynamic=False)
        self.sizes: set[int] = set()

    def __call__(self, x: Tensor, *args: object, **more: object) -> tuple[Tensor, ...]:
        return self.net(x, *args, **more)

    def padded_batch(self, rows: int) -> int:
        """Return to how many rows a batch of so many is filled up: a size that was there before, or its own."""
        size = min((size for size in self.sizes if rows <= size <= MAX_PADDING * rows), default=rows)
        self.sizes.add(size)
        return size


def is_graphed(x: Tensor) -> bool:
    """Return whether rows (N, C, h, w) are captured as a CUDA graph: few places, in the thread that torch's graphs are of.

    What a graph computes in stays taken, so that large calls are not captured.
    """
    return x.is_cuda and len(x) * x[0, 0].numel() <= GRAPH_PLACES and current_thread() is main_thread()


class GraphedNet:
    """`net`, whose calls of few rows without gradients become CUDA graphs, of each size from the third call on.

    Its numbers are the network's own. What else its layers' hooks go by is part of the `key` of a call.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net, self.calls = net, Counter[Hashable]()
        self.graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]] = {}
        self.pool: Any = None  # of memory, shared by the graphs: no two of them run at once

    def __call__(self, key: Hashable, num_bytes: int, *args: Any, **kwargs: Any) -> Tensor:
        """Call it; num_bytes: what the call takes, without which four times over it is not captured."""
        given = list(tensors_in((args, kwargs)))
        names = tuple(name for name, value in kwargs.items() if value is not None)
        weights = next(self.net.parameters()).data_ptr()  # elsewhere when the network has moved
        key = key, names, weights, tuple((value.shape, value.dtype) for value in given)
        self.calls[key] += 1
        if key not in self.graphs:
            if self.calls[key] <= CALLS_BEFORE_CAPTURE or not self._has_room(given[0].device, num_bytes):
                return self.net(*args, **kwargs)[0]
            self.graphs[key] = self._capture(args, kwargs)
        graph, inputs, out = self.graphs[key]
        for own, value in zip(inputs, given, strict=True):
            own.copy_(value)
        graph.replay()
        return out.clone()  # the next call writes over it

    def _has_room(self, device: torch.device, num_bytes: int) -> bool:
        return len(self.graphs) < MAX_GRAPHS and 4 * num_bytes < free_memory(device)

    def _capture(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]:
        """Return a graph, the tensors that it reads and the one that it writes."""
        args, kwargs = map_tensors(torch.clone, (args, kwargs))
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        here, aside, graph = torch.cuda.current_stream(), torch.cuda.Stream(), torch.cuda.CUDAGraph()
        aside.wait_stream(here)
        with torch.cuda.stream(aside), torch.no_grad():
            self.net(*args, **kwargs)  # libraries choose their kernels, on the stream of the capture
        here.wait_stream(aside)
        with (
            torch.no_grad(),
            undisturbed_capture(),
            torch.cuda.graph(graph, self.pool, aside, capture_error_mode="thread_local"),
        ):
            out = self.net(*args, **kwargs)[0]
        return graph, list(tensors_in((args, kwargs))), out


def map_tensors(f: Callable[[Tensor], Any], value: Any) -> Any:
    """Return nested tuples, lists and dictionaries with f of every tensor."""
    match value:
        case Tensor():
            return f(value)
        case dict():
            return {key: map_tensors(f, part) for key, part in value.items()}
        case tuple() | list():
            return type(value)(map_tensors(f, part) for part in value)
    return value


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield every tensor of nested tuples, lists and dictionaries."""
    match value:
        case Tensor():
            yield value
        case dict():
            yield from tensors_in(list(value.values()))
        case tuple() | list():
            for part in value:
                yield from tensors_in(part)


class GraphedCall:
    """f of a batch (N, …) through which gradients pass, captured as a CUDA graph there and back: one launch each.

    It is captured at the first call, in which f is run a few times, for batches of that shape. What it returns, and the
    gradient of the batch, are overwritten by the next call, so that f itself is called until gradients have come back.
    f's weights have no gradients.
    """

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        self.f, self.waits = f, False
        self.graphed: Any = None  # f, to be called with tensors of this shape
        self.shape: torch.Size | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if not x.is_cuda or self.waits or self.shape not in (None, x.shape) or current_thread() is not main_thread():
            return self.f(x)
        if self.graphed is None:
            like = x.detach().clone().requires_grad_()
            with undisturbed_capture():
                self.graphed, self.shape = torch.cuda.make_graphed_callables(self.f, (like,)), x.shape
        out, self.waits = self.graphed(x), True
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


def without_compiled_blocks(passes_gradients: bool) -> AbstractContextManager[object]:
    """Return a context in which compiled blocks run as they are, unless gradients pass: each would be compiled again."""
    return nullcontext() if passes_gradients else torch.compiler.set_stance("force_eager")


def use_compile_cache() -> None:
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(CACHE_DIR.expanduser()))

"""What fits into memory: what is free, how many rows one call of a model may have, how many pixels a VAE codes, and less."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import psutil
import torch

from synoptic.models.base import Denoiser
from synoptic.models.control_groups import control_group_memory
from synoptic.utils.out_of_memory import is_out_of_memory

MAX_CPU_ROWS = 42  # on two cores a row costs a tenth less than of 16 in half precision, and the same from here to 82
UNET_MAPS = 32  # of a U-Net's outermost block, which live together for a row at most
CONTEXT_BYTES = 2**29  # what CUDA and its libraries take of a GPU for themselves
WORKSPACE_BYTES = 3 * 2**30 // 10  # of products on a GPU, with latents, conditions and pictures: up to 0.28 GiB measured
CODING_MAPS = 6  # of a VAE's outermost block, which live together while it codes
HEAP_SHARE = 13 / 6  # what the C library's heap takes for what lives in it, gaps included
HEAP_BYTES = CODING_MAPS * 2**25  # what gaps took at most, as measured with pictures up to 1024 pixels wide
CPU_WORKSPACE_BYTES = 2**25  # of oneDNN's kernels, the text's keys, a score
CUDNN_MAPS = 9.5  # the same on a GPU, where cuDNN turns a convolution's input and output to channels_last, in further memory
MAP_BYTES = 2**29  # of one such map, at once: a picture of 1024x1024 in float32, with 128 channels
TILE_IMAGES = 8  # native pictures: what a VAE is given at most of a larger one
CODING_SHARE = 0.75  # of what is free on a CPU, for a VAE
LEAST_LATENTS = 16  # places of a side: the smallest piece that a VAE is given
LIBRARY_BYTES = 2**28  # that the process maps yet beside a model: libraries, tokenizers, what the allocator keeps

T = TypeVar("T")
R = TypeVar("R")


def free_memory(device: torch.device) -> int:
    """Return the bytes that this process can still have on a device. A CPU's end where the process's own limit does."""
    if device.type == "cuda":
        index = gpu_index(device)
        reserved, used = torch.cuda.memory_reserved(index), torch.cuda.memory_allocated(index)
        idle = reserved - used  # kept by us for what comes
        return min(torch.cuda.mem_get_info(index)[0] + idle, own_share(index) - used)
    if device.type == "mps":  # one pool for all
        return min(
            torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory(), psutil.virtual_memory().available
        )
    return min(psutil.virtual_memory().available, address_space(), control_group_memory())


def gpu_index(device: torch.device) -> int:
    """Return the number of a GPU; "cuda" alone, which some of torch's functions refuse, is the current one."""
    return torch.cuda.current_device() if device.index is None else device.index


def own_share(index: int) -> int:
    """Return the bytes of a GPU that this process may allocate (torch.cuda.set_per_process_memory_fraction)."""
    share = getattr(torch.cuda, "get_per_process_memory_fraction", None)  # since torch 2.8
    if share is None:
        return sys.maxsize
    return int(share(index) * torch.cuda.mem_get_info(index)[1])


def address_space() -> int:
    """Return the bytes that the process may still map for a model (ulimit -v)."""
    limit = address_limit()
    return sys.maxsize if limit is None else max(0, limit - psutil.Process().memory_info().vms - LIBRARY_BYTES)


def address_limit() -> int | None:
    """Return the bytes that the process may map in all, libraries among them; None where there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def unet_row_bytes(channels: int, side: int, itemsize: int) -> int:
    """Return what a native row takes of a U-Net whose outermost block has so many channels: an upper bound."""
    return UNET_MAPS * channels * side**2 * itemsize


def bytes_with_gaps(live: int, device: torch.device) -> int:
    """Return what tensors of so many bytes take of a device: on a CPU the heap has gaps that it does not give back."""
    return live if device.type == "cuda" else min(round(HEAP_SHARE * live), live + HEAP_BYTES)


def bytes_of_coding(maps: int, device: torch.device) -> int:
    """Return what a VAE takes while it codes, whose outermost block has maps of so many bytes in all."""
    return bytes_with_gaps(round((CUDNN_MAPS if device.type == "cuda" else CODING_MAPS) * maps), device)


def coded_pixels(width: int, itemsize: int, native: int, device: torch.device, free: int) -> int:
    """Return how many pixels a VAE of so many outermost channels codes at once, of one or many pictures.

    At least a native one of `native` pixels; but beside a GPU no more than fit into most of what is free: there a process
    that has too much may be killed.
    """
    usual = max(native, MAP_BYTES // (width * itemsize))
    if device.type == "cuda":
        return usual
    room = CODING_SHARE * free
    live = max(room / HEAP_SHARE, room - HEAP_BYTES)  # for which `bytes_with_gaps` is the room
    return min(usual, int(live / (CODING_MAPS * width * itemsize)))


def max_batch_rows(model: Denoiser, device: torch.device) -> int:
    """Return rows whose working memory fits into half of what is free; on a CPU no more than its caches profit from."""
    fits = max(1, free_memory(device) // 2 // model.row_bytes)
    return min(fits, MAX_CPU_ROWS) if device.type == "cpu" else fits


def make_room(error: Exception, count: int) -> None:
    """Give back what can be where memory has run out for several; raise any other error, and that of a single one."""
    if not is_out_of_memory(error) or count <= 1:
        raise error
    empty_cache()


def halves(batch: Sequence[T], error: Exception) -> list[Sequence[T]]:
    """Return the halves of a batch for which memory has run out; raise any other error, and that of a single one."""
    make_room(error, len(batch))
    half = len(batch) // 2
    return [batch[:half], batch[half:]]


def in_halves(call: Callable[[Sequence[T]], R], batch: Sequence[T]) -> list[R]:
    """Return what `call` makes of a batch; of its halves, and theirs, where memory runs out. Raises that of a single one."""
    try:
        return [call(batch)]
    except Exception as e:
        parts = halves(batch, e)
    return [result for part in parts for result in in_halves(call, part)]


def with_fewer(call: Callable[[Sequence[T]], R], items: Sequence[T]) -> R:
    """Return what `call` makes of items; of every second of them, and so on, the last kept, where memory runs out."""
    try:
        return call(items)
    except Exception as e:
        make_room(e, len(items))
    return with_fewer(call, items[::-2][::-1])


def empty_cache() -> None:
    """Give back what a GPU's allocator keeps for what comes."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""What fits into memory: what is free, how many rows one call of a model may have, and how many pixels a VAE codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

import psutil
import torch

from synoptic.models.base import Denoiser

MAX_CPU_ROWS = 42  # on two cores a row costs a tenth less than of 16 in half precision, and the same from here to 82
UNET_MAPS = 32  # of a U-Net's outermost block, which live together for a row at most
CONTEXT_BYTES = 2**29  # what CUDA and its libraries take of a GPU for themselves
WORKSPACE_BYTES = 3 * 2**30 // 10  # of products on a GPU, with latents, conditions and pictures: up to 0.28 GiB measured
CODING_MAPS = 6  # of a VAE's outermost block, which live together while it codes
CUDNN_MAPS = 9.5  # the same on a GPU, where cuDNN turns a convolution's input and output to channels_last, in further memory
MAP_BYTES = 2**29  # of one such map, at once: a picture of 1024x1024 in float32, with 128 channels
TILE_IMAGES = 8  # native pictures: what a VAE is given at most of a larger one
OUT_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")  # torch has no class for these

T = TypeVar("T")


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
    return min(psutil.virtual_memory().available, address_space())


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
    """Return the bytes that the process may still map (ulimit -v)."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(0, limit - psutil.Process().memory_info().vms)


def unet_row_bytes(channels: int, side: int, itemsize: int) -> int:
    """Return what a native row takes of a U-Net whose outermost block has so many channels: an upper bound."""
    return UNET_MAPS * channels * side**2 * itemsize


def coding_bytes_per_pixel(width: int, itemsize: int, device: torch.device) -> float:
    """Return what a pixel takes of a VAE of so many outermost channels while it is coded."""
    return (CUDNN_MAPS if device.type == "cuda" else CODING_MAPS) * width * itemsize


def coded_pixels(width: int, itemsize: int) -> int:
    """Return how many pixels such a VAE codes at once, of many pictures or one larger than its native ones."""
    return MAP_BYTES // (width * itemsize)


def max_batch_rows(model: Denoiser, device: torch.device) -> int:
    """Return rows whose working memory fits into half of what is free; on a CPU no more than its caches profit from."""
    fits = max(1, free_memory(device) // 2 // model.row_bytes)
    return min(fits, MAX_CPU_ROWS) if device.type == "cpu" else fits


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory has run out, of a GPU or of the process."""
    said = isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or said


def halves(batch: Sequence[T], error: Exception) -> list[Sequence[T]]:
    """Return the halves of a batch for which memory has run out; raise any other error, and that of a single one."""
    if not is_out_of_memory(error) or len(batch) == 1:
        raise error
    empty_cache()
    half = len(batch) // 2
    return [batch[:half], batch[half:]]


def empty_cache() -> None:
    """Give back what a GPU's allocator keeps for what comes."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""What fits into memory: what is free, and how many rows one call of a model may have."""

from __future__ import annotations

import sys

import psutil
import torch

from synoptic.models.base import Denoiser

MAX_CPU_ROWS = 42  # on two cores a row costs a tenth less than of 16 in half precision, and the same from here to 82
UNET_MAPS = 32  # of a U-Net's outermost block, which live together for a row at most
CONTEXT_BYTES = 2**29  # what CUDA and its libraries take of a GPU for themselves


def free_memory(device: torch.device) -> int:
    """Return the bytes that this process can still have on a device. A CPU's end where the process's own limit does."""
    if device.type == "cuda":
        reserved, used = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
        idle = reserved - used  # kept by us for what comes
        return min(torch.cuda.mem_get_info(device)[0] + idle, own_share(device) - used)
    if device.type == "mps":  # one pool for all
        return min(
            torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory(), psutil.virtual_memory().available
        )
    return min(psutil.virtual_memory().available, address_space())


def own_share(device: torch.device) -> int:
    """Return the bytes of a GPU that this process may allocate (torch.cuda.set_per_process_memory_fraction)."""
    share = getattr(torch.cuda, "get_per_process_memory_fraction", None)  # since torch 2.8
    if share is None:
        return sys.maxsize
    index = torch.cuda.current_device() if device.index is None else device.index  # "cuda" alone is refused here
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


def max_batch_rows(model: Denoiser, device: torch.device) -> int:
    """Rows whose working memory fits into half of what is free; on a CPU no more than its caches profit from."""
    fits = max(1, free_memory(device) // 2 // model.row_bytes)
    return min(fits, MAX_CPU_ROWS) if device.type == "cpu" else fits


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory has run out, of a GPU or of the process."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def empty_cache() -> None:
    """Give back what a GPU's allocator keeps for what comes."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

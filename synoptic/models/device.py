"""Which device and dtype a network runs on, and what makes a CPU fast."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

import torch

from synoptic.errors import InputError

DeviceName = str | int | torch.device  # of a GPU its number too, as torch takes them
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}


def choose_device(device: DeviceName) -> torch.device:
    """Raise InputError where torch cannot use it, or where what names no device is not made on the CPU."""
    check_default_device()
    if device == "auto":
        mps = torch.backends.mps.is_available()
        if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:  # one of several processes, each with its own
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        torch.zeros(1, device=device).cpu()  # one number there and back: "meta" holds none
        return torch.device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        why = str(e).splitlines()[0]
        raise InputError(
            f"the device must be usable by torch, {device!r} is not ({why}): use --device auto or cpu", rule="device"
        ) from None


def numbered(device: torch.device) -> torch.device:
    """Return a device with its number, as two must have to be compared: cuda is the current GPU, of others there is one."""
    current = torch.cuda.current_device() if device.type == "cuda" and torch.cuda.is_available() else 0
    return device if device.index is not None else torch.device(device.type, current)


def is_named(device: torch.device, name: str) -> bool:
    """Return whether this is the device that a name stands for; auto leaves it open."""
    try:
        return name == "auto" or numbered(torch.device(name)) == numbered(device)
    except RuntimeError:  # torch knows no device of this name
        return False


def check_default_device() -> None:
    """Raise InputError where tensors of no named device are not made on the CPU, as noise of a seed is."""
    if (default := torch.get_default_device()).type != "cpu":
        raise InputError(
            f"torch's default device must be the CPU, it is {default}: call torch.set_default_device('cpu'), and say where a"
            " model is by synoptic.load(…, device=…)",
            rule="default-device",
        )


def gpu_name(device: torch.device) -> str:
    """Return a GPU's own name, as nvidia-smi and CUDA_VISIBLE_DEVICES know it, whatever its number here; "" of none."""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"[:12] if device.type == "cuda" else ""


def dtype_name(dtype: str | torch.dtype) -> str:
    """Return the name of a precision: float32 for torch.float32."""
    return str(dtype).removeprefix("torch.")


def choose_dtype(dtype: str, device: torch.device, half: str = "float16") -> torch.dtype:
    """Return the precision of this name; auto is `half` on a GPU. Raises InputError for another name."""
    if dtype != "auto":
        if dtype not in DTYPES:
            names = ", ".join(("auto", *DTYPES))
            raise InputError(f"dtype must be one of {names}, {dtype!r} was given: write one of them", rule="dtype")
        return DTYPES[dtype]
    if device.type != "cpu":
        return DTYPES[half]
    return torch.bfloat16 if cpu_is_fast_at_bf16() else torch.float32


def cpu_is_fast_at_bf16() -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX); elsewhere it is slower than float32."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


@cache
def keep_freed_memory() -> None:
    """Ask glibc to keep freed memory for the next layer, as PyTorch's tuning guide does with another allocator.

    Its default gives large blocks back to the kernel and faults them in again page by page at every layer. For the whole
    process; without effect where the C library is another one.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3
        mallopt(trim_threshold, 2**30)
        mallopt(mmap_threshold, 2**30)


def give_back_freed_memory() -> None:
    """Ask glibc to give back what it keeps, before a part of a run whose blocks are of other sizes and leave other gaps."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)

"""Telling that memory has run out, from whatever library says so. Imports nothing heavy."""

from __future__ import annotations

import errno

SAID = (  # in errors that have no class of their own
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "STATUS_ALLOC_FAILED",
    "std::bad_alloc",
    "could not create a primitive",  # oneDNN, which says no more
    "could not create a memory object",
    "failed to map segment",  # the linker, of a library
    "annot allocate memory",  # the system
    "can't start new thread",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory has run out, of a GPU or of the process."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, Ray's
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    by_library = isinstance(error, RuntimeError | OSError | ImportError) or type(error).__name__ == "SafetensorError"
    return by_library and any(words in str(error) for words in SAID)

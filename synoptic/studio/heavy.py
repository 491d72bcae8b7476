"""Import what takes seconds, in one thread at a time."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

EXECUTE = "synoptic.runs.execute"  # takes longer than all else
_lock = threading.Lock()


def import_heavy(name: str = EXECUTE) -> Any:
    """Return a module that needs torch, transformers and diffusers, by its name; import it once no other thread imports one.

    transformers puts another module in its own place as it is imported; a thread that asks for it meanwhile waits, and then
    keeps the first, in which nothing is.
    """
    with _lock:
        import_module(EXECUTE)
        return import_module(name)

"""Capture CUDA graphs undisturbed."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed_capture() -> Iterator[None]:
    """Keep garbage inside: another graph that is freed in the middle of a capture ends it with an error.

    torch is not heard on what its own warm-up keeps ("AccumulateGrad node's stream does not match").
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream")
            yield
    finally:
        if was_on:
            gc.enable()

"""One thread at a time builds modules: libraries change what belongs to the whole process while they load a network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_lock = threading.RLock()


def one_at_a_time(build: Callable[P, R]) -> Callable[P, R]:
    """Return a function that waits for every other one of these to end, in whatever thread.

    For all that makes or loads a torch Module: diffusers' `from_pretrained` replaces `Module.register_parameter` and the
    functions of `torch.nn.init` meanwhile (accelerate's `init_empty_weights`), transformers' the latter too, so that a
    module that another thread makes then would have parameters on the meta device, or numbers that nobody chose.
    """

    @wraps(build)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with _lock:
            return build(*args, **kwargs)

    return alone

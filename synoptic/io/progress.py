"""A progress bar with the time left, on the error stream, and in notebooks as a bar of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from synoptic.distributed import is_main_process
from synoptic.utils.streams import error_stream

if find_spec("ipywidgets"):
    from tqdm.autonotebook import tqdm
else:  # without them tqdm warns, and shows a line of text all the same
    from tqdm import tqdm

Listener = Callable[[int, int], None]  # (steps taken, of how many)
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener` at every step of every bar that is shown in here, in this thread; what it raises ends the work."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def progress_bar(title: str, total: int, show: bool = True, unit: str = "step") -> Iterator[Callable[[], None]]:
    """Show a bar of so many steps, or other units: `with progress_bar(title, total) as tick:` and tick() after each."""
    hidden, listener, taken = not show or not total or not is_main_process(), _listener.get(), 0
    with tqdm(total=total, desc=title, unit=unit, disable=hidden, dynamic_ncols=True, file=error_stream()) as shown:

        def tick() -> None:
            nonlocal taken
            taken += 1
            shown.update()
            if listener:
                listener(taken, total)

        yield tick
        shown.update(total - shown.n)  # of loops that took fewer steps


def in_notebook() -> bool:
    """Return whether a notebook's kernel runs this."""
    return "ipykernel" in sys.modules and getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)() is not None

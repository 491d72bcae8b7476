"""Who watches a run from the thread that carries it out: is shown every step, and may stop it by raising an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from synoptic.io.progress import Listener, listening

if TYPE_CHECKING:
    from synoptic.sampling.step import Step

Observer = Callable[["Step"], None]
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def watching(on_step: Observer, on_progress: Listener) -> Iterator[None]:
    """Show every Step of the runs in here to `on_step`; tell `on_progress` how many steps were taken, and of how many."""
    token = _observer.set(on_step)
    try:
        with listening(on_progress):
            yield
    finally:
        _observer.reset(token)


def show_step(step: Step) -> None:
    """Show a step to whoever watches."""
    if observer := _observer.get():
        observer(step)

"""When it is time to write what a long work has come to. Imports nothing heavy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY, SHARE = 5.0, 20  # it is written after so many seconds, and so many times what it took


class Interval:
    """When it is time to write: after a few seconds, and once that has become cheap beside the work."""

    def __init__(self) -> None:
        self._due = time.monotonic() + EVERY

    def is_over(self) -> bool:
        return time.monotonic() >= self._due

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure what writing takes: the next time comes after SHARE times that."""
        begin = time.monotonic()
        yield
        self._due = time.monotonic() + max(EVERY, SHARE * (time.monotonic() - begin))

"""Seconds: of a run's phases, of this process; and when it is time to write what a long work has come to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

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


class Clock:
    """Seconds of each phase, added up in `timings`."""

    def __init__(self, timings: dict[str, float]) -> None:
        self.timings = timings

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        spent = time.perf_counter() - begin
        self.timings[phase] = round(self.timings.get(phase, 0.0) + spent, 3)


def process_age() -> float:
    """Return the seconds since this process began: of a command, what its imports took."""
    return time.time() - psutil.Process().create_time()

"""Seconds: of a run's phases, of this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


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

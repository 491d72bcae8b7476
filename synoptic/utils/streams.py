"""The standard streams of a process: closed by a shell, full, or with nobody who reads. Imports nothing heavy."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO


@dataclass(frozen=True)
class Unfailing:
    """A stream that loses what it cannot take, as on a full device, and raises nothing: no line is worth a run."""

    stream: TextIO | None

    def write(self, text: str) -> int:
        """Write a text, or lose it; return its length."""
        with suppress(OSError, ValueError):  # full, without a reader; closed
            if self.stream is not None:  # as a program without a console has none
                self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits, or let it wait."""
        with suppress(OSError, ValueError):
            if self.stream is not None:
                self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def error_stream() -> Unfailing:
    """Return where progress, warnings and errors are written, which raises nothing."""
    return Unfailing(sys.stderr)


def open_closed_streams() -> None:
    """Put the null device in place of standard streams that a shell has closed: a file would be opened there."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r" if name == "stdin" else "w"))


def discard_unprinted() -> None:
    """Close standard streams that take no more: at its end the interpreter would complain of them, and exit with 120."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            setattr(sys, name, io.StringIO())

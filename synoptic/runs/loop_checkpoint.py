"""The state of a long loop in one file, now and then, so that a killed one goes on to the bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load_file, save
from torch import Tensor

from synoptic import io
from synoptic.distributed import is_main_process
from synoptic.runs import checkpoint

S = TypeVar("S")


class Saved:
    """A safetensors file, written as seldom as `runs/checkpoint.py` says."""

    def __init__(self, file: Path) -> None:
        self.file, self.due = file, time.monotonic() + checkpoint.EVERY

    def state(self) -> dict[str, Tensor] | None:
        """What the loop goes on from; None where it was never begun."""
        return load_file(self.file) if self.file.exists() else None

    def watch(self, steps: Iterable[S], state: Callable[[S], dict[str, Tensor]]) -> Iterator[S]:
        """The steps as they come; each is saved, when it is time, after what is done with it."""
        for step in steps:
            yield step
            if (began := time.monotonic()) >= self.due:
                self.keep(state(step))
                self.due = time.monotonic() + max(checkpoint.EVERY, checkpoint.SHARE * (time.monotonic() - began))

    def keep(self, state: dict[str, Tensor]) -> None:
        """Save it now."""
        data = save({name: value.cpu() for name, value in state.items()})
        io.atomic_write(self.file, lambda f: f.write(data))

    def forget(self) -> None:
        """The loop came to its end."""
        if is_main_process():
            self.file.unlink(missing_ok=True)

"""What a run keeps of the batch under way: a preview, and of an optimization its state, so that a killed one goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from synoptic import io
from synoptic.runs.folders import STATE, STATE_VERSION, broken_state, check_state
from synoptic.runs.recorder import Recorder
from synoptic.sampling.step import Step
from synoptic.utils.timing import Interval

PREVIEW = "preview.png"


def write_state(file: Path, state: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write a loop's state as a safetensors file, whole or not at all, which says what it holds."""
    shapes = {name: list(value.shape) for name, value in state.items()}
    metadata = {**about, "version": STATE_VERSION, "tensors": json.dumps(shapes)}
    io.write_whole(file, save({name: value.cpu() for name, value in state.items()}, metadata))


class ResumeState:
    """`state.safetensors` and `preview.png` of one batch; `names` tell its state from that of another one."""

    def __init__(self, folder: Path, names: Sequence[str], recorder: Recorder | None = None) -> None:
        self.folder, self.names, self.recorder = folder, list(names), recorder
        self.done = 0
        self._interval = Interval()

    def load(self) -> dict[str, Tensor] | None:
        """Return the state that the batch goes on from; None where it was not begun. Raises InputError as `check_state`."""
        file = self.folder / STATE
        if not file.exists():
            return None
        check_state(file)
        try:
            with safe_open(file, "pt") as f:
                about = f.metadata() or {}
                if json.loads(about.get("names", "[]")) != self.names:
                    return None
                found = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
            self.done = int(about["done"])
        except (SafetensorError, OSError, LookupError, ValueError) as e:
            raise broken_state(file, str(e)) from None
        if self.recorder:
            self.recorder.load(found)
        return {name: value for name, value in found.items() if not name.startswith("recorder/")}

    def offer(self, step: Step, now: bool = False) -> None:
        """Write the step's state and preview, if it is time to, or `now`."""
        if self._interval.is_over() or now:
            with self._interval.writing():
                self.write(step)

    def write(self, step: Step) -> None:
        """Write them now."""
        if step.state is not None:
            state = dict(step.state()) | (self.recorder.state() if self.recorder else {})
            about = {"names": json.dumps(self.names), "done": str(step.i + 1)}
            write_state(self.folder / STATE, state, about)
        if step.decode is not None:
            io.save_image(self.folder / PREVIEW, step.preview(), {"of": self.names[0], "step": step.i + 1})


def remove_state(folder: Path) -> None:
    """Remove what a run keeps of a batch that came to its end."""
    for name in (STATE, PREVIEW):
        (folder / name).unlink(missing_ok=True)

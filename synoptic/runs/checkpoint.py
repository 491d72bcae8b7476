"""What a run keeps of the batch under way: a preview, and of an optimisation its state, so that a killed one goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from synoptic import io
from synoptic.runs.recorder import Recorder
from synoptic.sampling.step import Step

STATE, PREVIEW = "checkpoint.safetensors", "preview.png"
EVERY, SHARE = 5.0, 20  # it is written after so many seconds, and so many times what it took


class Checkpoint:
    """`checkpoint.safetensors` and `preview.png` of one batch; `names` tell its state from that of another one."""

    def __init__(self, folder: Path, names: Sequence[str], recorder: Recorder | None = None) -> None:
        self.folder, self.names, self.recorder = folder, list(names), recorder
        self.done = 0
        self._due = time.monotonic() + EVERY

    def load(self) -> dict[str, Tensor] | None:
        """Return the state that the batch goes on from; None where it was never begun."""
        file = self.folder / STATE
        if not file.exists():
            return None
        with safe_open(file, "pt") as f:
            about = f.metadata() or {}
            if json.loads(about.get("names", "[]")) != self.names:
                return None
            found = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
        self.done = int(about["done"])
        if self.recorder:
            self.recorder.load(found)
        return {name: value for name, value in found.items() if not name.startswith("recorder/")}

    def offer(self, step: Step, now: bool = False) -> None:
        """Write the step's state and preview, if it is time to, or `now`."""
        if (begin := time.monotonic()) < self._due and not now:
            return
        self.write(step)
        self._due = time.monotonic() + max(EVERY, SHARE * (time.monotonic() - begin))

    def write(self, step: Step) -> None:
        """Write them now."""
        if step.state is not None:
            state = dict(step.state()) | (self.recorder.state() if self.recorder else {})
            about = {"names": json.dumps(self.names), "done": str(step.i + 1)}
            data = save({name: value.cpu() for name, value in state.items()}, about)
            io.atomic_write(self.folder / STATE, lambda f: f.write(data))
        if step.decode is not None:
            io.save_image(self.folder / PREVIEW, step.preview(), {"of": self.names[0], "step": step.i + 1})

    def remove(self) -> None:
        """The batch came to its end."""
        for name in (STATE, PREVIEW):
            (self.folder / name).unlink(missing_ok=True)

"""Long optimisations in a run's folder: their state now and then, so that a killed one goes on to the bit, and a preview."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from synoptic import io

if TYPE_CHECKING:
    from PIL.Image import Image

STATE, PREVIEW = "checkpoint.safetensors", "preview.png"
EVERY, SHARE = 5.0, 20  # a checkpoint comes after so many seconds, and so many times what it took


class Moment(NamedTuple):
    """After step i: what is optimised as it is now, `x` (B, C, H, W), and the norm (B,) of the gradient that moved it."""

    i: int
    x: Tensor
    norm: Tensor


class Checkpoint:
    """The state of one batch under way, `checkpoint.safetensors`, and what its first picture looks like, `preview.png`.

    `films`: also remember so many moments, evenly spread, for those who look back after a kill. `of` names the batch:
    a state of another one is not taken up.
    """

    def __init__(self, folder: Path, of: Sequence[str], steps: int, films: int = 0) -> None:
        self.file, self.preview, self.of = folder / STATE, folder / PREVIEW, list(of)
        self.stride = -(-steps // films) if films else 0
        self.kept: dict[str, Tensor] = {}
        self.norms: list[Tensor] = []
        self.due = time.monotonic() + EVERY

    def state(self) -> dict[str, Tensor] | None:
        """What `fit` goes on from; None where this batch was never begun."""
        if not self.file.exists():
            return None
        with safe_open(self.file, "pt") as f:
            if json.loads((f.metadata() or {}).get("of", "[]")) != self.of:
                return None
            every = {name: f.get_tensor(name) for name in f.keys()}  # noqa: SIM118
        self.norms = list(every.pop("past/norm"))
        self.kept = {name: every.pop(name) for name in list(every) if name.startswith("past/")}
        return every

    def past(self, like: Tensor) -> Iterator[Moment]:
        """The moments before the state; of those that were not remembered, x is the last one that was, or else `like`."""
        x = like
        for i, norm in enumerate(self.norms):
            x = self.kept.get(f"past/{i}", x).to(like)
            yield Moment(i, x, norm)

    def watch(
        self, moments: Iterator[tuple[Moment, Callable[[], Mapping[str, Tensor]]]], look: Callable[[Tensor], Image]
    ) -> Iterator[Moment]:
        """The moments as they come, each with its state, saved when it is time; `look` shows the first picture of x."""
        for moment, state in moments:
            self.norms.append(moment.norm)
            if self.stride and moment.i % self.stride == 0:
                self.kept[f"past/{moment.i}"] = moment.x.to("cpu", torch.float16)
            if (began := time.monotonic()) > self.due:
                data = dict(state()) | self.kept | {"past/norm": torch.stack(self.norms)}
                text = save({name: value.cpu() for name, value in data.items()}, {"of": json.dumps(self.of)})
                io.atomic_write(self.file, lambda f, text=text: f.write(text))
                io.save_image(self.preview, look(moment.x[:1]), {"of": self.of[0]})
                self.due = time.monotonic() + max(EVERY, SHARE * (time.monotonic() - began))
            yield moment


def forget(folder: Path) -> None:
    """Nothing is under way in this folder any more."""
    for name in (STATE, PREVIEW):
        (folder / name).unlink(missing_ok=True)

"""The film of a run: what each step made and predicted, as an MP4, a GIF and a page with a slider."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.io.html import viewer_page
from synoptic.metrics.clip import Clip, clip_score
from synoptic.models.memory import with_fewer
from synoptic.sampling.step import Decode, Step

FPS, HOLD = 8, 12  # frames a second, and how many more the last one stays
LARGEST = 1024  # pixels: a film of a wide picture need not be as large as the picture
FRAMES = 100  # of an optimization, which has many more steps
Frame = tuple[list[Image], list[str]]  # the pictures of a step, and their labels
Curves = dict[str, list[tuple[float, float]]]  # by name, the points (x, y)
NEAREST = 0  # PIL's own number


def recorded(file: Path) -> Path:
    """Return the page of a picture's film, which is written last."""
    return file.with_suffix(".trace.html")


class Recorder:
    """The steps of one batch of pictures, kept on the CPU in half precision and decoded after the loop.

    Of sampling every step is kept, x beside x0; of an optimization about a hundred, with the gradient's norm of every step.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.kept: dict[int, tuple[Tensor, ...]] = {}
        self.norms: list[Tensor] = []
        self.times: dict[int, float] = {}
        self.decoders: dict[tuple[int, ...], Decode] = {}  # by the canvas's shape, which no two stages share
        self.n = 0

    def add(self, step: Step) -> None:
        """Keep a step."""
        self.n, optimizes = step.n, step.grad_norm is not None
        if step.grad_norm is not None:
            self.norms.append(step.grad_norm.cpu())
        if optimizes and step.i % -(-step.n // FRAMES) and step.i != step.n - 1:
            return
        states = (step.canvas,) if optimizes else (step.canvas, step.canvas_x0)
        self.kept[step.i] = tuple(z.to("cpu", torch.float16) for z in states)
        self.times[step.i] = float(step.t) if not isinstance(step.t, Tensor) or step.t.numel() == 1 else math.nan
        assert step.decode is not None
        decode, like = step.decode, step.x[:0]
        self.decoders[tuple(states[0].shape[1:])] = lambda z: decode(z.to(like))

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs to have the whole film."""
        found = {f"recorder/{i}": states[0] for i, states in self.kept.items()}
        return found | ({"recorder/norms": torch.stack(self.norms)} if self.norms else {})

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave before a kill."""
        own = {name.removeprefix("recorder/"): value for name, value in state.items() if name.startswith("recorder/")}
        self.norms = list(own.pop("norms", torch.empty(0)))
        self.kept = {int(i): (value,) for i, value in own.items()}

    def write(self, titles: Sequence[str], clip: Clip | None = None) -> None:
        """Write NAME.trace.mp4, .gif and .html of each picture; `clip` scores an optimization's. Needs PyAV.

        Where memory runs out a film has fewer frames.
        """
        for k, title in enumerate(titles):
            with_fewer(partial(self._write_film, k, title, clip), list(self.kept))

    def _write_film(self, k: int, title: str, clip: Clip | None, steps: Sequence[int]) -> None:
        """Write what tells of picture k after these steps."""
        pictures = self._pictures(k, steps)
        curves: Curves = {}
        if self.norms:
            norms = torch.stack(self.norms)[:, k].tolist()
            curves["gradient norm, log10"] = [(i + 1, math.log10(max(norm, 1e-12))) for i, norm in enumerate(norms)]
            labels = [[f"step {i + 1}, gradient {norms[i]:.3g}"] for i in steps]
            if clip:
                scores = [clip_score(clip, images[0], title) for images in pictures]
                curves["CLIP score"] = [(i + 1, score) for i, score in zip(steps, scores, strict=True)]
                labels = [[f"{text[0]}, score {score:.2f}"] for text, score in zip(labels, scores, strict=True)]
        else:
            labels = [[f"x after step {i + 1} of {len(self.kept)}", f"x0 predicted at t = {self.times[i]:g}"] for i in steps]
        columns = 1 if len(pictures[0]) == 1 or pictures[0][0].width > pictures[0][0].height else 2
        self._write(self.files[k], title, dict(zip(steps, zip(pictures, labels, strict=True), strict=True)), columns, curves)

    def _write(self, file: Path, title: str, frames: Mapping[int, Frame], columns: int, curves: Curves) -> None:
        film = [io.image_grid(images, labels, columns, cell=256) for images, labels in frames.values()]
        film += film[-1:] * HOLD
        io.save_video(file.with_suffix(".trace.mp4"), film, FPS)
        io.save_gif(file.with_suffix(".trace.gif"), film, FPS)
        position = [(i + 1) / max(1, self.n) for i in frames]
        page = viewer_page(title, list(frames.values()), columns=columns, curves=curves, position=position)
        io.write_whole(recorded(file), page)

    @torch.no_grad()
    def _pictures(self, k: int, steps: Sequence[int]) -> list[list[Image]]:
        """Return picture k after each of these steps, all as large as the last: stages grow."""

        def decoded(step: int) -> list[Image]:
            return [io.to_pil(self.decoders[tuple(z.shape[1:])](z[k : k + 1]))[0] for z in self.kept[step]]

        last = decoded(steps[-1])
        width, height = last[0].size
        scale = min(1, LARGEST / max(width, height))
        size = round(width * scale), round(height * scale)

        def resized(pictures: list[Image]) -> list[Image]:
            return [p.resize(size, NEAREST) if p.width < size[0] else p.resize(size) for p in pictures]

        return [*(resized(decoded(step)) for step in steps[:-1]), resized(last)]

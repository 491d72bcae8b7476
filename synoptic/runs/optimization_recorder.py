"""Seeing an optimisation: the picture as it changes, the gradient's norm and the judge's score, as a film and a page."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic import io
from synoptic.metrics.clip import Clip, clip_score
from synoptic.runs.checkpoint import Moment
from synoptic.runs.recorder import FPS, HOLD, LARGEST, embedded, traced

if TYPE_CHECKING:
    from PIL.Image import Image

WIDE, HIGH = 640, 160  # of a curve, in the page's own units


class Descent:
    """The moments of one batch: pictures now and then, kept on the CPU in half precision, and every gradient's norm.

    `decode` turns x (N, C, H, W) into pictures (N, 3, H, W), `rows` at once; `judged`: the bundled judge scores them, which
    only knows what the bundled models know.
    """

    def __init__(
        self, files: Sequence[Path], decode: Callable[[Tensor], Tensor], rows: int, *, judged: bool, frames: int
    ) -> None:
        self.files, self.decode, self.rows, self.judged, self.frames = files, decode, rows, judged, frames
        self.kept: list[tuple[int, Tensor]] = []
        self.norms: list[Tensor] = []

    def watch(self, moments: Iterable[Moment]) -> Iterator[Moment]:
        """The moments as they come."""
        last = None
        for last in moments:
            if last.i % self.frames == 0:
                self._keep(last)
            self.norms.append(last.norm)
            yield last
        if last and self.kept[-1][0] != last.i:
            self._keep(last)

    def write(self, titles: Sequence[str]) -> None:
        """NAME.trace.mp4, .gif and .html of each picture, under its title. Raises ImportError without PyAV."""
        norms, judge = torch.stack(self.norms).T.tolist(), Clip("bundled") if self.judged else None
        steps = [i + 1 for i, _ in self.kept]
        for k, (file, title) in enumerate(zip(self.files, titles, strict=True)):
            pictures = self._pictures(k)
            scores = [clip_score(judge, picture, title) for picture in pictures] if judge else []
            words = [f"step {i}, gradient {norms[k][i - 1]:.3g}" for i in steps]
            words = [f"{w}, score {c:.2f}" for w, c in zip(words, scores, strict=True)] if judge else words
            frames = [io.image_grid([p], [w], 1, cell=256) for p, w in zip(pictures, words, strict=True)]
            frames += frames[-1:] * HOLD
            io.save_video(file.with_suffix(".trace.mp4"), frames, FPS)
            io.save_gif(file.with_suffix(".trace.gif"), frames, FPS)
            text = page(title, steps, words, pictures, norms[k], scores)
            io.atomic_write(traced(file), lambda f, text=text: f.write(text.encode()))

    def _keep(self, moment: Moment) -> None:
        self.like = moment.x[:0]
        self.kept.append((moment.i, moment.x.to("cpu", torch.float16)))

    def _pictures(self, k: int) -> list[Image]:
        found: list[Image] = []
        for some in torch.stack([x[k] for _, x in self.kept]).split(self.rows):
            found += io.to_pil(self.decode(some.to(self.like)))
        scale = min(1, LARGEST / max(found[0].size))
        return [picture.resize((round(picture.width * scale), round(picture.height * scale))) for picture in found]


def page(
    title: str,
    steps: Sequence[int],
    words: Sequence[str],
    pictures: Sequence[Image],
    norms: Sequence[float],
    scores: Sequence[float],
) -> str:
    """A page with a slider over the pictures and two curves over the steps, that needs nothing but itself."""
    every, last = range(1, len(norms) + 1), len(norms)
    plots = curve("norm of the gradient", every, [math.log10(max(norm, 1e-12)) for norm in norms], last, "{:.2g}", 10.0)
    plots += curve("score by the bundled judge", steps, scores, last, "{:.2f}") if scores else ""
    rows = [[word, embedded(picture), i / last] for word, picture, i in zip(words, pictures, steps, strict=True)]
    template = Template(Path(__file__).with_name("optimization_recorder.html").read_text())
    return template.substitute(
        title=html.escape(title), last=len(rows) - 1, plots=plots, steps=json.dumps(rows).replace("</", "<\\/")
    )


def curve(name: str, at: Sequence[int], values: Sequence[float], last: int, form: str, base: float | None = None) -> str:
    """Values over steps as SVG, from least to largest; `base`: they are logarithms, and the ends are said in full."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    line = " ".join(f"{WIDE * i / last:.1f},{HIGH * (high - v) / span:.1f}" for i, v in zip(at, values, strict=True))
    ends = [form.format(base**v if base else v) for v in (high, low)]
    return (
        f"<figure><figcaption>{name}: {ends[1]} to {ends[0]}, step 1 to {last}</figcaption>"
        f'<svg viewBox="-2 -4 {WIDE + 4} {HIGH + 8}" preserveAspectRatio="none"><polyline points="{line}"/>'
        f'<line y1="-4" y2="{HIGH + 4}"/></svg></figure>'
    )

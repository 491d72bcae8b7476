"""Seeing the process: what each step made and believed, as an MP4, a GIF and a page to scrub through."""

from __future__ import annotations

import html
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic import io
from synoptic.diffusion.equations import Step

if TYPE_CHECKING:
    from PIL.Image import Image

FPS, HOLD = 8, 12  # frames a second, and how many more the last one stays
LARGEST = 1024  # pixels: a film of a wide picture need not be as large as the picture
EVERY, SHARE = 2.0, 20  # a preview comes after so many seconds, and so many times what it took
NEAREST = 0  # PIL's own number


def traced(file: Path) -> Path:
    """The page of a picture's trace, which is written last."""
    return file.with_suffix(".trace.html")


class Trace:
    """The steps of one batch of pictures, kept on the CPU in half precision and decoded, `rows` at once, after the loop.

    `decode` turns the x of one picture or several into images (N, 3, H, W); views that it leaves apart, it shows the first.
    """

    def __init__(self, files: Sequence[Path], decode: Callable[[Tensor], Tensor], rows: int) -> None:
        self.files, self.decode, self.rows = files, decode, rows
        self.steps: list[Step] = []
        self.preview = files[0].with_name("preview.png")
        self.next = time.monotonic() + EVERY

    def watch(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The steps as they come; now and then `preview.png`, beside the files, is what the first picture will be."""
        for step in steps:
            x, x0 = (u.to("cpu", torch.float16) for u in (step.x, step.x0))
            self.steps.append(Step(step.i, step.t, x, x0))
            self.like = step.x[:0]
            if (began := time.monotonic()) > self.next:
                io.save_image(self.preview, self._pictures([self.steps[-1].x0], 0)[0], {})
                took = time.monotonic() - began
                self.next = began + took + max(EVERY, SHARE * took)
            yield step

    def write(self, titles: Sequence[str]) -> None:
        """NAME.trace.mp4, .gif and .html of each picture, under its title. Raises ImportError without PyAV."""
        for k, (file, title) in enumerate(zip(self.files, titles, strict=True)):
            x, x0 = (self._pictures(u, k) for u in ([s.x for s in self.steps], [s.x0 for s in self.steps]))
            after = [f"x after step {i} of {len(x)}" for i in range(1, len(x) + 1)]
            labels = list(zip(after, [f"x0 seen at t = {float(step.t):g}" for step in self.steps], strict=True))
            columns = 1 if x[0].width > x[0].height else 2
            frames = [io.image_grid(pair, words, columns, cell=256) for *pair, words in zip(x, x0, labels, strict=True)]
            frames += frames[-1:] * HOLD
            io.save_video(file.with_suffix(".trace.mp4"), frames, FPS)
            io.save_gif(file.with_suffix(".trace.gif"), frames, FPS)
            text = page(title, [(*words, a, b) for words, a, b in zip(labels, x, x0, strict=True)], columns)
            io.atomic_write(traced(file), lambda f, text=text: f.write(text.encode()))
        self.preview.unlink(missing_ok=True)

    def _pictures(self, states: Sequence[Tensor], k: int) -> list[Image]:
        """Picture k of each state, all as large as the last: stages grow."""
        found: list[Image] = []
        for _, stage in groupby(states, lambda u: u.shape):
            own = torch.stack([u.unflatten(0, (len(self.files), -1))[k] for u in stage])
            for some in own.split(self.rows):
                pictures = self.decode(some.flatten(0, 1).to(self.like))
                found += io.to_pil(pictures.unflatten(0, (len(some), -1))[:, 0])
        width, height = found[-1].size
        scale = min(1, LARGEST / max(width, height))
        size = round(width * scale), round(height * scale)
        return [picture.resize(size, NEAREST) if picture.width < size[0] else picture.resize(size) for picture in found]


def page(title: str, steps: Iterable[tuple[str, str, Image, Image]], columns: int) -> str:
    """A page with a slider over the steps, (label, label, picture, picture) each, that needs nothing but itself."""
    rows = [[a, b, embedded(left), embedded(right)] for a, b, left, right in steps]
    template = Template(Path(__file__).with_name("recorder.html").read_text())
    words = {"title": html.escape(title), "last": len(rows) - 1, "columns": columns}
    return template.substitute(words, steps=json.dumps(rows).replace("</", "<\\/"))


def embedded(picture: Image) -> str:
    """A picture as a JPEG inside a URL."""
    data = BytesIO()
    picture.save(data, "JPEG", quality=88)
    return "data:image/jpeg;base64," + b64encode(data.getvalue()).decode()

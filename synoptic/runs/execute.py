"""Carry out a run: load, paint in batches, decode, save, score. Nothing that was finished is lost or done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor

from synoptic import io
from synoptic.distributed import broadcast_from_main, is_main_process
from synoptic.metrics.clip import Clip, clip_score
from synoptic.models.base import Denoiser
from synoptic.models.device import choose_device
from synoptic.models.embeddings import PrecomputedTextEncoder
from synoptic.models.load import load
from synoptic.models.memory import max_batch_rows
from synoptic.models.registry import Checkpoint
from synoptic.runs.manifest import Picture, Result, Run
from synoptic.runs.progress import bar
from synoptic.runs.recorder import Trace, traced

if TYPE_CHECKING:
    from PIL.Image import Image

Paint = Callable[[Denoiser, Sequence[str], Sequence[torch.Generator]], Iterable[Any]]  # what has an x: Steps, Moments
Decode = Callable[[Denoiser, Tensor], Tensor]


class Film(Protocol):
    """Made of a batch's (files, decode, rows): passes on what is painted, then shows it under each picture's title."""

    def watch(self, steps: Iterable[Any], /) -> Iterator[Any]: ...

    def write(self, titles: Sequence[str]) -> None: ...


class Measure(NamedTuple):
    """What the bundled judge says of each picture: a name for the manifest, and (judge, image, picture) -> a number."""

    name: str
    of: Callable[[Clip, Image, Picture], float]


BY_PROMPT = Measure("clip_score", lambda judge, image, picture: clip_score(judge, image, picture.prompt))


def execute(
    run: Run,
    source: Checkpoint,
    paint: Paint,
    decode: Decode,
    *,
    views: int = 1,
    steps: int | None = None,
    measure: Measure = BY_PROMPT,
    trace: bool = False,
    film: Callable[..., Film] = Trace,
    most: int | None = None,
) -> Result:
    """Every picture of the run, `views` rows each; `paint` gives a batch's Steps, `decode` turns the last x into images.

    `steps` is how many Steps that is (default: --steps), `measure` how the bundled judge scores what came of them;
    with `trace` each picture has its films (`film` makes them). A batch has at most `most` pictures. The setting
    `embeddings` is a file in the text tower's place.
    Pictures are painted in batches that fill the model's calls and saved as each batch ends; a batch that an earlier run
    of the same settings finished is read back. The result does not depend on the batches. Of several processes the first
    decodes, writes and returns the pictures.
    """
    model, clock = opened(run, source)
    size = max(1, min(max_batch_rows(model, model.device) // (2 * views), most or len(run.pictures)))
    size = int(broadcast_from_main(torch.tensor(size)))
    batches = [run.pictures[i : i + size] for i in range(0, len(run.pictures), size)]

    def painted(picture: Picture) -> bool:
        file = run.folder / picture.file
        return file.exists() and (not trace or traced(file).exists())

    lack = broadcast_from_main(torch.tensor([not all(map(painted, batch)) for batch in batches]))
    missing = [batch for batch, lacks in zip(batches, lack, strict=True) if lacks]
    with bar(run.recipe, len(missing) * (steps or run.settings["steps"])) as tick:
        for batch in missing:
            coming = paint(model, [p.prompt for p in batch], [generator(p) for p in batch])
            files = [run.folder / p.file for p in batch]
            shot = film(files, partial(decode, model), size) if trace and is_main_process() else None
            with clock("sample"):
                x = torch.empty(0)
                for step in shot.watch(coming) if shot else coming:
                    x = step.x
                    tick()
            if not is_main_process():
                continue
            with clock("decode"):
                pictures = io.to_pil(decode(model, x))
            for picture, file, image in zip(batch, files, pictures, strict=True):
                io.save_image(file, image, inside(run, picture))
            if shot:
                with clock("trace"):
                    shot.write([p.prompt for p in batch])
            run.write()
    if not is_main_process():
        return Result([], run)
    result = Result([io.load_image(run.folder / p.file) for p in run.pictures], run)
    if source.is_bundled:
        with clock("score"):
            score(result, measure)
    run.state = "done"
    run.write()
    return result


def opened(run: Run, source: Checkpoint) -> tuple[Denoiser, Clock]:
    """The run's model, whose name goes into the manifest, and a clock for its timings."""
    clock = Clock(run)
    with clock("load"):
        device, file = run.settings["device"], run.settings.get("embeddings")
        text = PrecomputedTextEncoder(Path(file).expanduser(), choose_device(device)) if file else None
        how: dict[str, Any] = {"dtype": run.settings["dtype"], "compile": run.settings.get("compile", False)}
        model = load(source, device=device, text_encoder=text, **how)
    run.model = {"name": source.name, "source": source.name if source.is_bundled else source.path_or_repo}
    run.model |= {"revision": source.revision, "device": str(model.device), "dtype": str(model.dtype)[6:]}
    run.write()
    return model, clock


def generator(picture: Picture) -> torch.Generator:
    return torch.Generator().manual_seed(picture.seed)


def inside(run: Run, picture: Picture) -> dict:
    """What a picture's own metadata says."""
    item = asdict(picture)
    del item["score"]
    return item | {"command": run.command, "recipe": run.recipe, "settings": run.settings, "model": run.model}


def score(result: Result, measure: Measure) -> None:
    """What the bundled judge says of the pictures, into the run."""
    judge = Clip("bundled")
    for picture, image in zip(result.run.pictures, result.images, strict=True):
        picture.score = round(measure.of(judge, image, picture), 4)
    scores = [p.score or 0.0 for p in result.run.pictures]
    result.run.scores = {measure.name: round(sum(scores) / len(scores), 4), "judge": judge.name}


class Clock:
    """Seconds of each phase, added up in the run's timings."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        spent = time.perf_counter() - begin
        self.run.timings[phase] = round(self.run.timings.get(phase, 0.0) + spent, 3)

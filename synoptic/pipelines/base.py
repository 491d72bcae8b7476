"""What a pipeline is: a loaded model and options; items -> Steps -> pictures. It writes nothing and prints nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from synoptic.errors import InputError, NonFiniteError
from synoptic.io.html import encoded, gallery
from synoptic.io.progress import in_notebook, progress_bar
from synoptic.metrics.clip import Clip, clip_score
from synoptic.models.base import PretrainedModel
from synoptic.models.load_once import load_once, reading
from synoptic.models.memory import halves
from synoptic.models.transformer import with_guidance_scale
from synoptic.models.truncation import truncation_warnings
from synoptic.models.vocabulary import vocabulary_warnings
from synoptic.options import options_class
from synoptic.options.base import Item, Options
from synoptic.options.common import ModelOptions
from synoptic.options.signature import python_doc, python_signature
from synoptic.sampling.seed_search import SearchRound
from synoptic.sampling.step import Step

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    Content = Image | str | bytes | Mapping[str, Tensor] | Callable[[Path], object]  # what a run can write

O = TypeVar("O", bound=ModelOptions, covariant=True)  # noqa: E741


@dataclass(frozen=True)
class Output:
    """What came of one item: its picture, further files, and what was measured.

    `files` are named by an ending that follows the item's stem, ".views.png", or by a whole name, "noise.safetensors".
    `xmp` is a packet of metadata that other programs read in the picture.
    """

    image: Image
    files: Mapping[str, Content] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    xmp: str = ""


@dataclass(frozen=True)
class Comparison:
    """What several runs, or several items of one, say side by side: a labeled figure and a table."""

    image: Image
    header: tuple[str, ...]
    rows: list[tuple[str | float | None, ...]]

    def __str__(self) -> str:
        return "\n".join("\t".join(map(cell, row)) for row in (self.header, *self.rows))


def cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


class Pipeline(Generic[O]):
    """The base of every application's pipeline, a class of one module named like the application's options."""

    metric: ClassVar[str] = "clip_score"  # what `score` measures; "" for no score
    result_class: ClassVar[type[Result]]  # what a call in Python returns

    def __init__(self, model: PretrainedModel, options: O) -> None:
        self.model = with_guidance_scale(model, options.embedded_guidance_scale(model.checkpoint))
        self.options = options

    @property
    def num_steps(self) -> int:
        """How many Steps a batch of items takes."""
        raise NotImplementedError

    @property
    def views_per_item(self) -> int:
        """How many rows of the network one item takes at most, with the memory of its gradients counted in rows."""
        return 1

    max_items: int | None = None  # of one batch

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        """Yield every Step of a batch, return what came of each item. What a subclass writes."""
        raise NotImplementedError

    def resume(self, items: Sequence[Item], state: Mapping[str, Tensor]) -> Generator[Step, None, list[Output]]:
        """Go on behind the Step whose `state()` is given; only where Steps have one."""
        raise NotImplementedError

    def steps(self, items: Sequence[Item], state: Mapping[str, Tensor] | None = None) -> Generator[Step, None, list[Output]]:
        """Yield every Step of a batch of items, numbered through all stages; return what came of each item.

        Raises NonFiniteError at the first step that holds NaN or infinity.
        """
        sampling = self.resume(items, state) if state else self.sample(items)
        i = 0
        while True:
            try:
                step = next(sampling)
            except StopIteration as end:
                return end.value
            if not torch.isfinite(step.x).all():
                raise NonFiniteError(
                    f"step {i + 1} of {self.num_steps} gave NaN or infinity: try --dtype float32, or a lower guidance scale"
                )
            yield step if step.state else replace(step, i=i, n=self.num_steps)
            i += 1

    def notes(self) -> list[str]:
        """Return what a person should know of what was read, before the first step."""
        return []

    def first_files(self) -> Mapping[str, Content]:
        """Return what is saved before the first step, by whole names: what the pictures are made from."""
        return {}

    def score(self, clip: Clip, image: Image, item: Item) -> float:
        """Return what a CLIP says of a finished picture: the cosine of picture and prompt."""
        return clip_score(clip, image, item.title)

    def clip_figures(self, clip: Clip, image: Image, item: Item) -> Mapping[str, float]:
        """Return what else a CLIP says of a finished picture, by name."""
        return {}

    def seed_search(self) -> Iterator[SearchRound] | None:
        """Return the rounds of a search whose last one has the best seeds, where the options ask for one."""
        return None

    def compare(self, items: Sequence[Item], outputs: Sequence[Output]) -> Comparison | None:
        """Return a figure and a table of all items, where the application has one."""
        return None


def rngs_of(items: Sequence[Item]) -> list[torch.Generator]:
    """Return one random generator per item."""
    return [torch.Generator().manual_seed(item.seed) for item in items]


def pass_on(steps: Iterator[Step]) -> Generator[Step, None, Step]:
    """Yield the Steps, return the last."""
    step = next(steps)
    yield step
    for step in steps:
        yield step
    return step


@torch.no_grad()
def decoded(step: Step) -> Tensor:
    """Return the images (B, 3, H, W) of a finished stage."""
    assert step.decode is not None
    return step.decode(step.canvas)


@dataclass(frozen=True)
class Result:
    """What a pipeline returns, in memory: the pictures, the options as they were resolved, the items."""

    outputs: list[Output]
    options: Options
    items: list[Item]
    pipeline: Pipeline[ModelOptions]
    comparison: Comparison | None = None

    @property
    def images(self) -> list[Image]:
        return [output.image for output in self.outputs]

    @cached_property
    def scores(self) -> list[float]:
        """What the bundled reference CLIP says of each picture."""
        clip = Clip("bundled")
        return [self.pipeline.score(clip, o.image, item) for o, item in zip(self.outputs, self.items, strict=True)]

    def _repr_png_(self) -> bytes | None:
        return encoded(self.images[0], "PNG") if len(self.images) == 1 else None

    def _repr_html_(self) -> str:
        return gallery(self.images, [f"{item.title}, seed {item.seed}" for item in self.items])


Pipeline.result_class = Result

WITHOUT = ("model", "out", "trace")  # options of a command that a function does not take: it keeps all in memory


class Application:
    """An application as a Python function: `wide(model, "a lake", width=768)`; `wide.steps(...)` yields every Step.

    `model` is loaded, or a name that is loaded for you; the last one is kept for the next call.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        found = options_class(name)
        assert issubclass(found, ModelOptions)
        self.options_class = found
        self.__doc__ = python_doc(self.options_class, WITHOUT)
        self.__signature__ = python_signature(self.options_class, WITHOUT, return_annotation=Result)

    def __call__(
        self,
        model: PretrainedModel | str | os.PathLike[str],
        *values: object,
        progress: bool | None = None,
        **options: object,
    ) -> Result:
        return self.run(*self._prepare(model, values, options), in_notebook() if progress is None else progress)

    def run(self, model: PretrainedModel, options: ModelOptions, progress: bool = False) -> Result:
        """Run resolved options, each of their variants if there are any, with a bar on the error stream if asked for."""
        if variants := options.variants():
            parts = {name: Application(o.application()).run(model, o, progress) for name, o in variants.items()}
            outputs = [output for part in parts.values() for output in part.outputs]
            items = [i._replace(stem=f"{name}/{i.stem}") for name, part in parts.items() for i in part.items]
            pipeline = pipeline_class(self.__name__)(model, options)
            return Result(outputs, options, items, pipeline, pipeline.compare(items, outputs))
        pipeline = pipeline_class(self.__name__)(model, options)
        items = options.items()
        outputs: list[Output] = []
        size = pipeline.max_items or len(items)
        batches = [items[i : i + size] for i in range(0, len(items), size)]
        with progress_bar(self.__name__, len(batches) * pipeline.num_steps, progress) as tick:
            while batches:
                batch, *batches = batches
                try:
                    outputs += finish(pipeline.steps(batch), tick)
                except Exception as e:
                    batches = [*halves(batch, e), *batches]
        return pipeline.result_class(outputs, options, items, pipeline, pipeline.compare(items, outputs))

    def steps(self, model: PretrainedModel | str | os.PathLike[str], *values: object, **options: object) -> Iterator[Step]:
        """Yield every Step of all items at once: i of n, t, canvas, views, and a cheap preview()."""
        loaded, resolved = self._prepare(model, values, options)
        pipeline = pipeline_class(self.__name__)(loaded, resolved)
        return pipeline.steps(resolved.items())

    def _prepare(
        self, model: PretrainedModel | str | os.PathLike[str], values: Sequence[object], options: Mapping[str, object]
    ) -> tuple[PretrainedModel, ModelOptions]:
        if files := {"out", "trace"} & options.keys():
            raise InputError(
                f"{self.__name__}(...) keeps its pictures in memory, {min(files)} was given: use synoptic.run",
                rule="in-memory",
            )
        if not isinstance(model, str | os.PathLike) and not hasattr(model, "checkpoint"):
            raise InputError(f"a model is a loaded one or its name, {model!r:.60} is neither: load one", rule="model-type")
        if {"lora", "vae", "textual_inversion", "clip_skip", "offload", "quantize"} & options.keys() and not isinstance(
            model, str | os.PathLike
        ):
            raise InputError(
                "a LoRA, a VAE, a textual inversion, clip_skip, offload and quantize are chosen when a model loads, a loaded"
                " one was given: give them to synoptic.load instead",
                rule="model-loaded",
            )
        try:
            if isinstance(model, str | os.PathLike):
                asked = self.options_class.from_arguments(*values, **{"model": model} | dict(options)).prepare()
                loaded = load_model(asked)
            else:
                own = {"model": model.checkpoint.name, "device": str(model.device)}
                asked = self.options_class.from_arguments(*values, **own | dict(options)).resolve(model.checkpoint)
                loaded = reading(model, asked.long_texts())
        except InputError as e:
            raise e.in_python() from None
        lost = truncation_warnings(getattr(loaded, "text_encoder", None), asked.texts())
        for line in [*vocabulary_warnings(loaded.checkpoint, asked.texts()), *lost]:
            warnings.warn(line, stacklevel=3)
        return loaded, asked


def load_model(options: ModelOptions) -> PretrainedModel:
    """Load the model that resolved options name, with what they change of it, or return the last one if it is the same."""
    return load_once(
        options.model,
        device=options.device,
        dtype=options.dtype,
        compile=getattr(options, "compile", False),
        embeddings=options.embeddings,
        lora=options.lora,
        vae=options.vae,
        textual_inversion=options.textual_inversion,
        clip_skip=options.clip_skip,
        offload="text" if options.offload == "auto" and options.weights_stay else options.offload,
        quantize=options.quantize,
        long_prompts=options.long_texts(),
    )


def finish(steps: Generator[object, None, list[Output]], tick: Callable[[], None] = lambda: None) -> list[Output]:
    """Run a loop to its end, tick() after each step, and return what came of it."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        tick()


def pipeline_class(name: str) -> type[Pipeline[ModelOptions]]:
    """Return an application's pipeline class, by its name alone: `wide` -> pipelines.wide.WidePipeline."""
    module = import_module(f"synoptic.pipelines.{name}")
    return getattr(module, options_class(name).__name__.replace("Options", "Pipeline"))

"""What a pipeline is: a loaded model and options; items -> Steps -> pictures. It writes nothing and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import ClassVar, Generic, NamedTuple, TypeVar

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic.errors import NonFiniteError
from synoptic.io.html import encoded, gallery
from synoptic.metrics.clip import Clip, clip_score, reference_clip
from synoptic.models.base import PretrainedModel
from synoptic.models.device import check_default_device, give_back_freed_memory
from synoptic.models.load_once import load_once
from synoptic.models.transformer import with_guidance_scale
from synoptic.options import options_class
from synoptic.options.base import Item, Options
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.sampling import SamplingOptions
from synoptic.pipelines.outputs import Comparison, Content, Output
from synoptic.sampling.seed_search import SearchRound
from synoptic.sampling.step import Step


class NetworkCall(NamedTuple):
    """What the network is asked at once of one item: of so many views, under so many conditions each.

    `row_memory`: the rows of a call without gradients whose memory one of it takes.
    """

    views: int
    conditions: int
    row_memory: int = 1

    @property
    def rows(self) -> int:
        return self.views * self.conditions


O = TypeVar("O", bound=ModelOptions, covariant=True)  # noqa: E741
T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """What a pipeline returns, in memory: the pictures, the options as they were resolved, the items.

    A pickle of it holds no pipeline, which has the model; `scores` if they were measured before.
    """

    outputs: list[Output]
    options: Options
    items: list[Item]
    pipeline: Pipeline[ModelOptions] | None
    comparison: Comparison | None = None

    def __getstate__(self) -> Mapping[str, object]:
        """Return what is pickled: all but the pipeline."""
        return self.__dict__ | {"pipeline": None}

    @property
    def images(self) -> list[Image]:
        return [output.image for output in self.outputs]

    @cached_property
    def scores(self) -> list[float]:
        """What the bundled reference CLIP says of each picture."""
        if self.pipeline is None:
            raise RuntimeError("scores are measured where a result is made, this one was pickled: read them before that")
        clip, score = reference_clip(), self.pipeline.score
        return [score(clip, o.image, item) for o, item in zip(self.outputs, self.items, strict=True)]

    def _repr_png_(self) -> bytes | None:
        return encoded(self.images[0], "PNG") if len(self.images) == 1 else None

    def _repr_html_(self) -> str:
        return gallery(self.images, [f"{item.title}, seed {item.seed}" for item in self.items])


class Pipeline(Generic[O]):
    """The base of every application's pipeline, a class of one module named like the application's options."""

    metric: ClassVar[str] = "clip_score"  # what `score` measures; "" for no score
    result_class: ClassVar[type[Result]] = Result  # what a call in Python returns

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

    def calls_at(self, i: int) -> Sequence[NetworkCall]:
        """Return what step i asks the main network of one item."""
        return [NetworkCall(self.views_per_item, branches(self.options))]

    @property
    def calls_before(self) -> Sequence[NetworkCall]:
        """What the main network is asked of one item before the first step."""
        return ()

    def canvas_bytes(self, items: int) -> int:
        """Return what a batch's canvas takes beside the network and the VAE, where that is much."""
        return 0

    @property
    def coded_pixels(self) -> int:
        """How many pixels of one item a latent model's VAE codes at once."""
        return self.picture_pixels

    @property
    def gradient_pixels(self) -> int:
        """How many pixels of one item a latent model's VAE encodes with gradients that pass it."""
        return 0

    @property
    def picture_pixels(self) -> int:
        """How many pixels the picture of one item has."""
        native = self.model.checkpoint.native_size
        width, height = (getattr(self.options, name, None) or native for name in ("width", "height"))
        return width * height

    max_items: int | None = None  # of one batch

    def sample(self, items: Sequence[Item]) -> Generator[Step, None, list[Output]]:
        """Yield every Step of a batch, return what came of each item. What a subclass writes, or `resume` in its place."""
        return self.resume(items, {})

    def resume(self, items: Sequence[Item], state: Mapping[str, Tensor]) -> Generator[Step, None, list[Output]]:
        """Go on behind the Step whose `state()` is given, begin where it is empty; only where Steps have one."""
        raise NotImplementedError

    def steps(self, items: Sequence[Item], state: Mapping[str, Tensor] | None = None) -> Generator[Step, None, list[Output]]:
        """Yield every Step of a batch of items, numbered through all stages; return what came of each item.

        Raises InputError where torch's default device is not the CPU, NonFiniteError at the first step that holds NaN or
        infinity.
        """
        check_default_device()
        sampling = self.resume(items, state) if state else self.sample(items)
        i = 0
        while True:
            large = len(items) * self.coded_pixels > self.model.checkpoint.native_size**2
            if i == self.num_steps and large and self.model.device.type == "cpu":
                give_back_freed_memory()  # of the steps, before large pictures are decoded
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


def branches(options: ModelOptions) -> int:
    """Return how many conditions a step asks the network about: with a prompt, and without for guidance."""
    scale = options.cfg_scale if isinstance(options, SamplingOptions) else getattr(options, "guidance_scale", 1.0)
    return 1 if scale == 1.0 else 2


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


def take_steps(steps: Generator[T, None, list[Output]], after: Callable[[T], object] = lambda step: None) -> list[Output]:
    """Take all steps of a loop, after(step) each, and return what came of it."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        after(step)


def pipeline_class(name: str) -> type[Pipeline[ModelOptions]]:
    """Return an application's pipeline class, by its name alone: `wide` -> pipelines.wide.WidePipeline."""
    module = import_module(f"synoptic.pipelines.{name}")
    return getattr(module, options_class(name).__name__.replace("Options", "Pipeline"))

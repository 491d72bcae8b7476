"""Anagrams and hybrids of many prompts at once: the application's own pipeline, but each picture with prompts of its own.

An application paints one set of prompts, whose few seeds leave a GPU idle; all sets together are the same pictures to
rounding, since each has its own random generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL.Image import Image

from synoptic.models.base import PretrainedModel
from synoptic.options.anagram import AnagramOptions
from synoptic.options.base import Item
from synoptic.options.hybrid import HybridOptions
from synoptic.pipelines.anagram import AnagramPipeline
from synoptic.pipelines.base import take_steps
from synoptic.pipelines.hybrid import HybridPipeline
from synoptic.pipelines.joint import JointPipeline, S
from synoptic.sampling.joint_sampler import PredictFor

if TYPE_CHECKING:
    from synoptic.pipelines.outputs import Content

Prompts = Sequence[str]


class OwnPrompts(JointPipeline[S]):
    """A pipeline whose items have prompts of their own; nothing but the picture comes of each."""

    def __init__(self, model: PretrainedModel, options: S, items: Sequence[Item]) -> None:
        super().__init__(model, options)
        self.items = items

    def predict_for(self, prompts: Prompts, guidance_scale: float, steps: int) -> PredictFor:
        rows = [text for item in self.items for text in item.prompts[: len(prompts)]]  # all views', or the first one's
        return super().predict_for(rows, guidance_scale, steps)

    def files(self, image: Image) -> dict[str, Content]:
        return {}


class Anagrams(OwnPrompts[AnagramOptions], AnagramPipeline):
    """Anagrams, each of its own prompts."""


class Hybrids(OwnPrompts[HybridOptions], HybridPipeline):
    """Hybrids, each of its own prompts."""


def paint(application: str, model: PretrainedModel, every: Sequence[Prompts], seeds: int, **options: object) -> list[Image]:
    """Return the pictures of each set of prompts, so many seeds of each, in order: by `anagram`, or by `hybrid`."""
    items = [Item(tuple(own), seed, "") for own in every for seed in range(seeds)]
    given = options | {"prompt": list(every[0])}
    pipeline: Anagrams | Hybrids
    if application == "anagram":
        pipeline = Anagrams(model, AnagramOptions.from_arguments(**given).resolve(model.checkpoint), items)
    else:
        pipeline = Hybrids(model, HybridOptions.from_arguments(**given).resolve(model.checkpoint), items)
    return [output.image for output in take_steps(pipeline.steps(items))]

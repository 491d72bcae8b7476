"""The stages that enlarge what a pipeline made: loaded when their turn comes (Saharia et al. 2022, Imagen)."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

from synoptic.models.base import PretrainedModel
from synoptic.models.checkpoint import TEXT_COMPONENTS, Checkpoint
from synoptic.models.load import load_upscaler
from synoptic.models.upscaler import Upscaler
from synoptic.options.upscaling import UpscalingOptions, find_upscalers
from synoptic.pipelines.base import Pipeline

U = TypeVar("U", bound=UpscalingOptions)


class UpscalingPipeline(Pipeline[U]):
    """A pipeline whose options name upscalers."""

    def __init__(self, model: PretrainedModel, options: U) -> None:
        super().__init__(model, options)
        self._loaded: dict[str, Upscaler] = {}

    @cached_property
    def upscalers(self) -> list[Checkpoint]:
        """The stages after the first."""
        return find_upscalers(self.model.checkpoint, self.options.upscalers)

    @property
    def upscaler_steps(self) -> list[int]:
        """The denoising steps of each stage."""
        return self.options.steps_of(self.upscalers)

    @property
    def num_steps(self) -> int:
        return self.options.steps + sum(self.upscaler_steps)

    def load_upscaler(self, up: Checkpoint) -> Upscaler:
        """Load a stage once, with stage I's embeddings where both have the same text encoder: DeepFloyd's share a T5."""
        if up.path_or_repo not in self._loaded:
            text = self.model.embed if has_same_text_encoder(up, self.model.checkpoint) else None
            device, dtype = str(self.model.device), str(self.model.dtype).removeprefix("torch.")
            self._loaded[up.path_or_repo] = load_upscaler(up, device=device, dtype=dtype, text_encoder=text)
        return self._loaded[up.path_or_repo]


def has_same_text_encoder(up: Checkpoint, checkpoint: Checkpoint) -> bool:
    """Return whether two models' text encoders are the same, as far as their configs say; or the upscaler has none."""
    if not up.components.keys() >= set(TEXT_COMPONENTS):
        return True
    ours, theirs = (one.config("text_encoder") for one in (up, checkpoint))
    names = ours.keys() - {"_name_or_path", "transformers_version", "torch_dtype", "dtype"}
    return all(ours[key] == theirs.get(key) for key in names)

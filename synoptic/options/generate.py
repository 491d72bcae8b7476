"""The options of `generate`: plain text-to-image, and the upscalers after it."""

from __future__ import annotations

from dataclasses import dataclass

from synoptic.options.base import Item
from synoptic.options.common import ModelName, PromptOptions, one_picture_per_prompt
from synoptic.options.guidance import GuidanceOptions
from synoptic.options.upscaling import Upscalers, UpscalingOptions


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(PromptOptions, UpscalingOptions, GuidanceOptions):
    """Generate a picture at the model's own size, then enlarge it by the upscalers that were made for the model.

    synoptic generate "an oil painting of a horse" --count 4
    synoptic generate "a photo of a lemon" --model bundled
    """

    model: ModelName = "bundled"
    upscalers: Upscalers = ("auto",)

    def texts(self) -> list[str]:
        return [*self.prompt, self.negative_prompt]

    def item_options(self) -> frozenset[str]:
        return frozenset({"prompt", "seed", "count"})

    def items(self) -> list[Item]:
        return one_picture_per_prompt(self.prompt, self.seeds())

"""The options of `generate`: plain text-to-image, and the upscalers after it."""

from __future__ import annotations

from dataclasses import dataclass

from synoptic.options.guidance import GuidanceOptions
from synoptic.options.pretrained_model import ModelName
from synoptic.options.prompts import PromptOptions
from synoptic.options.upscaling import Upscalers, UpscalingOptions


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(PromptOptions, UpscalingOptions, GuidanceOptions):
    """Generate a picture at the model's own size, then enlarge it by the upscalers that were made for the model.

    synoptic generate "an oil painting of a horse" --count 4
    synoptic generate "a photo of a lemon" --model bundled
    """

    model: ModelName = "bundled"
    upscalers: Upscalers = ("auto",)

    def item_options(self) -> frozenset[str]:
        return frozenset({"prompt", "seed", "count"})

"""The options of `generate`: plain text-to-image, and the upscalers after it."""

from __future__ import annotations

from dataclasses import dataclass

from synoptic.options.base import Item
from synoptic.options.common import PromptOptions, one_picture_per_prompt
from synoptic.options.upscaling import UpscalingOptions


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(PromptOptions, UpscalingOptions):
    """Generate a picture at the model's own size; upscalers enlarge it, where --upscalers says which.

    synoptic generate "an oil painting of a horse" --count 4
    synoptic generate "a photo of a lemon" --model bundled-if --upscalers auto
    """

    def texts(self) -> list[str]:
        return [*self.prompt, self.negative_prompt]

    def items(self) -> list[Item]:
        return one_picture_per_prompt(self.prompt, self.seeds())

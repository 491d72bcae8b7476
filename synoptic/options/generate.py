"""The options of `generate`: plain text-to-image, and the upscalers after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.option import Option
from synoptic.options.pretrained_model import ModelName
from synoptic.options.prompts import PromptOptions
from synoptic.options.sampling import SamplingOptions
from synoptic.options.upscaling import Upscalers, UpscalingOptions


@dataclass(frozen=True, kw_only=True)
class GuidanceOptions(SamplingOptions):
    """What guides a picture beside the scale."""

    GROUP = "Sampling"

    guidance_rule: Annotated[
        Literal["cfg", "rescale", "apg", "zero-star"],
        Option(
            "classifier-free guidance; rescale: less overexposed; apg: less saturated at large scales; zero-star:"
            " CFG-Zero*, of flow models"
        ),
    ] = "cfg"

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.guidance_rule == "zero-star" and not checkpoint.is_flow:
            raise InputError(
                f"--guidance-rule zero-star is of flow models, {checkpoint.name} is none: use rescale or apg",
                rule="guidance-rule-flow",
            )
        resolved = super().resolve(checkpoint)
        if resolved.guidance_rule != "cfg" and resolved.cfg_scale == 1:
            raise InputError(
                f"--guidance-rule {self.guidance_rule} guides, classifier-free guidance is off at scale 1: raise"
                f" {'--true-cfg-scale' if checkpoint.takes_guidance_scale else '--guidance-scale'}",
                rule="guidance-rule-off",
            )
        return resolved


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(PromptOptions, UpscalingOptions, GuidanceOptions):
    """Generate a picture at the model's own size, then enlarge it by the upscalers that were made for the model.

    synoptic generate "an oil painting of a horse" --count 4
    synoptic generate "a photo of a lemon" --model bundled
    """

    model: ModelName = "bundled-if"
    upscalers: Upscalers = ("auto",)

    def item_options(self) -> frozenset[str]:
        return frozenset({"prompt", "seed", "count"})

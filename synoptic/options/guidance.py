"""How a picture is guided: the rule, and the steps at which it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.option import Option
from synoptic.options.sampling import SamplingOptions

GuidanceInterval = Annotated[
    tuple[float, float] | None,
    Option("guide only from one share of the steps to another: 0.2,0.8 for a fifth less work", at_least=0, at_most=1),
]


def check_interval(share: tuple[float, float] | None) -> None:
    """Raise InputError where an interval ends before it begins."""
    if share and not share[0] < share[1]:
        raise InputError(
            f"--guidance-interval goes from a share of the steps to a later one, {share[0]:g},{share[1]:g} was given:"
            " try 0.2,0.8",
            rule="guidance-interval-order",
        )


@dataclass(frozen=True, kw_only=True)
class GuidanceIntervalOptions(SamplingOptions):
    """The steps at which guidance counts."""

    GROUP = "Speed"

    guidance_interval: GuidanceInterval = None

    def resolve(self, checkpoint: Checkpoint) -> Self:
        check_interval(self.guidance_interval)
        return super().resolve(checkpoint)


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

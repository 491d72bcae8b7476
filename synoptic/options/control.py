"""The options of `control`: pictures with the structure of a given one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.controlnet import Condition, ControlNetOptions, ControlNets, Depth, depth_source, find_depth
from synoptic.options.input_image import InputImageOptions, InputPicture
from synoptic.options.option import Option
from synoptic.options.prompts import PromptOptions
from synoptic.options.sampling import SamplingOptions, Seed


@dataclass(frozen=True, kw_only=True)
class ControlOptions(InputImageOptions, PromptOptions, ControlNetOptions, SamplingOptions):
    """Generate pictures with the edges, strokes or depths of a given one.

    synoptic control castle.png "a watercolor painting of a castle" --condition canny
    """

    image: InputPicture
    condition: Annotated[
        tuple[Condition, ...],
        Option("what of the picture is kept: canny, scribble, segment, depth, normal, or map, the picture itself"),
    ] = ("canny",)
    strength: Annotated[
        tuple[float, ...],
        Option("how much each condition counts: 1 as trained, 0 not at all; one for all, or one per condition", at_least=0),
    ] = (1.0,)
    begin: Annotated[
        float, Option("when they begin to act, a share of the way from noise (0) to picture (1)", at_least=0)
    ] = 0.0
    end: Annotated[float, Option("when they cease to", at_most=1)] = 1.0
    depth: Depth = None
    seed: Seed = 1

    def controlnets(self) -> ControlNets:
        return ControlNets(self.condition, self.controlnet, self.strength, self.begin, self.end, self.depth)

    def item_options(self) -> frozenset[str]:
        return frozenset({"prompt", "seed", "count"})

    def resolve(self, checkpoint: Checkpoint) -> Self:
        self = replace(self, depth=depth_source(self.depth, self.condition, checkpoint))
        count = len(self.condition)
        if not count:
            raise InputError(
                "at least one --condition is needed, none was given: name canny, for example", rule="condition-missing"
            )
        if len(self.strength) not in (1, count):
            raise InputError(
                f"--strength is one for all conditions or one for each, {len(self.strength)} were given: change it",
                rule="strength-count",
            )
        if not self.begin < self.end:
            raise InputError(
                f"--begin must be below --end; {self.begin} and {self.end} were given: change them", rule="begin-end"
            )
        strengths = self.strength * count if len(self.strength) == 1 else self.strength
        resolved = replace(super().resolve(checkpoint), strength=strengths)
        find_depth(self.depth, resolved.sides(checkpoint))
        return resolved

"""The options of `edit`: a picture changed by a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

from synoptic.errors import InputError, check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.controlnet import ControlNetOptions
from synoptic.options.input_image import GENERAL_PROMPT, InputImageOptions, InputPicture, OnePromptOptions, Prompt
from synoptic.options.option import UNSET, Option
from synoptic.options.sampling import SamplingOptions, Seed

STRENGTH = 0.6


@dataclass(frozen=True, kw_only=True)
class EditOptions(OnePromptOptions, InputImageOptions, ControlNetOptions, SamplingOptions):
    """Edit a picture, a photograph or a drawing, by a prompt: it is noised part of the way, and denoised to the prompt.

    synoptic edit horse.png "an oil painting of a horse" --start 1,3,5,7,10,20
    """

    image: InputPicture
    prompt: Prompt = GENERAL_PROMPT
    start: Annotated[
        tuple[int, ...],
        Option("the step to start from: 0 makes all anew, later ones keep more; several give one figure", at_least=0),
    ] = ()
    strength: Annotated[
        float,
        Option(
            "or the share of the steps to take: near 0 keeps all, 1 makes all anew (default: 0.6; bundled-if 0.9)",
            above=0,
            at_most=1,
        ),
    ] = UNSET
    seed: Seed = 1

    def item_options(self) -> frozenset[str]:
        return frozenset({"seed", "count"})

    def variants(self) -> Mapping[str, Self]:
        return {f"start-{k}": replace(self, start=(k,)) for k in self.start} if len(self.start) > 1 else {}

    def resolve(self, checkpoint: Checkpoint) -> Self:
        resolved = super().resolve(checkpoint)
        if not self.start:
            return resolved.filled(strength=self.usual(checkpoint).edit_strength or STRENGTH)
        if self.strength is not None:
            raise InputError(
                f"--start and --strength say the same thing, {self.start} and {self.strength} were given: omit one",
                rule="start-strength",
            )
        check_at_most("--start, of that many --steps,", max(self.start), resolved.steps - 1)
        return replace(resolved, start=tuple(dict.fromkeys(self.start)))

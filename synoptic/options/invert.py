"""The options of `invert`: from a picture to the noise that gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.base import Item
from synoptic.options.input_image import InputImageOptions, InputPicture
from synoptic.options.option import UNSET, Option
from synoptic.options.output import Out
from synoptic.options.sampling import Clip, Steps


@dataclass(frozen=True, kw_only=True)
class InvertOptions(InputImageOptions):
    """Find the noise that a picture comes from, and sample from it again: how much of the picture comes back?

    synoptic invert horse.png "a photo of a horse" --steps 50
    """

    image: InputPicture
    prompt: Annotated[str, Option("what the picture shows, in words; may be omitted", positional=True)] = ""
    refine: Annotated[
        int, Option("take each step so many times more, each time with a better idea of where it ends", at_least=0)
    ] = 2
    steps: Steps = UNSET
    clip: Clip = "none"
    out: Out = None

    def embedded_guidance_scale(self, checkpoint: Checkpoint) -> float:
        return 1.0  # without guidance: it pushes the steps of an inversion apart

    def texts(self) -> list[str]:
        return [self.prompt]

    def items(self) -> list[Item]:
        return [Item((self.prompt,), 0, "reconstruction")]

    def resolve(self, checkpoint: Checkpoint) -> Self:
        self = self.filled(steps=checkpoint.defaults.steps)
        check_at_most("--steps", self.steps, checkpoint.most_steps())
        return super().resolve(checkpoint)

"""The options of `inpaint`: part of a picture made anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from PIL.Image import Image

from synoptic.errors import check_at_most
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.base import Item
from synoptic.options.input_image import InputImageOptions, InputPicture, Prompt
from synoptic.options.option import Option
from synoptic.options.prompts import one_picture_of_all
from synoptic.options.sampling import SamplingOptions, Seed
from synoptic.utils.picture import PictureSource, check_mask_size, read_picture


@dataclass(frozen=True, kw_only=True)
class InpaintOptions(InputImageOptions, SamplingOptions):
    """Inpaint the masked part of a picture, as the prompt says of the whole picture; the rest stays as it is.

    synoptic inpaint horse.png mask.png "a photo of a horse at night" --resample 4 --jump 5
    """

    image: InputPicture
    mask: Annotated[
        PictureSource,
        Option(
            "a picture of the same size: made anew where it is white, kept where black, mixed where gray",
            positional=True,
            picture=True,
        ),
    ]
    prompt: Prompt
    resample: Annotated[
        int, Option("how often every stretch of --jump steps is taken, so that both parts agree (RePaint)", at_least=1)
    ] = 1
    jump: Annotated[int, Option("how many steps each repeat goes back", at_least=1)] = 10
    seed: Seed = 1

    def item_options(self) -> frozenset[str]:
        return frozenset({"seed", "count"})

    def items(self) -> list[Item]:
        return one_picture_of_all([self.prompt], self.item_seeds())

    def read_mask(self, sides: tuple[int, int]) -> Image:
        """Return the mask in gray, at the size that the picture is worked on. Raises InputError where it does not fit."""
        return check_mask_size(self.mask, read_picture(self.image).size, "picture").resize(sides)

    def resolve(self, checkpoint: Checkpoint) -> Self:
        resolved = super().resolve(checkpoint)
        if self.resample == 1:
            self.check_heeded("jump", where="of repeats, there are none at --resample 1")
        else:
            check_at_most("--jump, of that many --steps,", self.jump, resolved.steps - 1)
        self.read_mask(resolved.sides(checkpoint))
        return resolved

"""The picture that an application begins with, and the size that it is worked on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from synoptic.errors import InputError, check_at_least
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.base import Item, Options
from synoptic.options.option import UNSET, Option
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.prompts import one_picture_of_all
from synoptic.utils.picture import PictureSource, picture_name, read_picture

MAX_PIXELS = 16_000_000  # beyond it a canvas takes days
GENERAL_PROMPT = "a high quality photo"

InputPicture = Annotated[
    PictureSource,
    Option(
        "the picture: a PNG, JPEG, WebP, … file of any size; one larger than the model is done in windows",
        positional=True,
        picture=True,
    ),
]
Prompt = Annotated[str, Option("what the result shows, in words", positional=True)]


@dataclass(frozen=True, kw_only=True)
class OnePromptOptions(Options):
    """What every picture shows. Applications declare `prompt` again, behind their picture."""

    prompt: Prompt

    def items(self) -> list[Item]:
        return one_picture_of_all([self.prompt], self.item_seeds())


@dataclass(frozen=True, kw_only=True)
class InputImageOptions(ModelOptions):
    """What every application takes that begins with a picture. Applications declare `image` again, before their own."""

    GROUP = "Input"

    image: InputPicture
    size: Annotated[
        int,
        Option("resize the picture first, its shorter side to so many pixels (default: only if smaller than the model's)"),
    ] = UNSET

    def warnings(self) -> list[str]:
        (width, height), name = read_picture(self.image).size, picture_name(self.image)
        resized = min(width, height) != self.size
        return [*super().warnings(), *([f"{name} is resized: {width}x{height}, its shorter side to {self.size}"] * resized)]

    def sides(self, checkpoint: Checkpoint) -> tuple[int, int]:
        """Return (width, height) that the picture is worked on. Raises InputError."""
        return working_size(checkpoint, read_picture(self.image).size, self.size)

    def resolve(self, checkpoint: Checkpoint) -> Self:
        return replace(super().resolve(checkpoint), size=min(self.sides(checkpoint)))


def working_size(checkpoint: Checkpoint, sides: tuple[int, int], size: int | None = None) -> tuple[int, int]:
    """Return (width, height) of a picture once its shorter side has `size` pixels; at least the model's own.

    Raises InputError where `size` is smaller than that, or the result has too many megapixels.
    """
    if size is not None:
        check_at_least("--size (the model's own)", size, checkpoint.native_size)
    short = size or max(min(sides), checkpoint.native_size)
    width, height = (round(side * short / min(sides)) for side in sides)
    if width * height > MAX_PIXELS:
        most = int((MAX_PIXELS * min(sides) / max(sides)) ** 0.5)
        cure = f"give --size {most} or less" if most >= checkpoint.native_size else "crop it, its sides differ too much"
        raise InputError(
            f"a picture is worked on at {MAX_PIXELS // 1_000_000} megapixels at most, this one of {sides[0]}x{sides[1]}"
            f" would be {width}x{height}: {cure}",
            rule="size-megapixels",
        )
    return width, height

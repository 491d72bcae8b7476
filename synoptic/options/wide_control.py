"""A wide picture along the edges or strokes of a given one: every window follows its own part of the map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.controlnet import Condition, ControlNetOptions
from synoptic.options.option import Option
from synoptic.utils.picture import PictureSource, read_picture


@dataclass(frozen=True, kw_only=True)
class WideControlOptions(ControlNetOptions):
    """What a wide picture can follow."""

    GROUP = "ControlNet"

    control: Annotated[
        PictureSource | None,
        Option(
            "follow this picture's --condition (ControlNet); without --width and --height the wide one takes its shape",
            picture=True,
        ),
    ] = None
    condition: Annotated[
        tuple[Condition, ...],
        Option("what of --control is followed: canny, scribble, segment or map, the picture itself (default: canny)"),
    ] = ()

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.control is not None:
            self = replace(self, condition=self.condition or ("canny",))
            return super().resolve(checkpoint)
        for name in ("condition", "controlnet"):
            if getattr(self, name):
                raise InputError(
                    f"--{name} is followed from a picture, none was given: name it with --control, or omit it",
                    rule="control-missing",
                )
        return super().resolve(checkpoint)

    def control_size(self, checkpoint: Checkpoint, width: int | None, height: int | None) -> tuple[int | None, int | None]:
        """Return (width, height) with what was not asked for filled in after the shape of --control, if there is one.

        The picture is as small as the model allows where neither was. Raises InputError where it cannot be read.
        """
        if self.control is None:
            return width, height
        w, h = read_picture(self.control).size
        native, f = checkpoint.native_size, checkpoint.factor
        scale = width / w if width is not None else height / h if height is not None else native / min(w, h)

        def scaled(length: int) -> int:
            return max(native, round(length * scale / f) * f)

        return scaled(w) if width is None else width, scaled(h) if height is None else height

"""A panorama to begin with: edited as a whole, or where a mask is white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.instance import InstanceOptions
from synoptic.options.option import UNSET, Option
from synoptic.utils.picture import PictureSource, check_mask_size, picture_name

STRENGTH = 0.6  # share of the steps


@dataclass(frozen=True, kw_only=True)
class InitPanoramaOptions(InstanceOptions):
    """What a panorama can begin with."""

    GROUP = "Canvas"
    INIT = "init_panorama"

    init_panorama: Annotated[
        PictureSource | None,
        Option("a panorama to begin with, twice as wide as high; the prompt says what it becomes", picture=True),
    ] = None
    strength: Annotated[
        float,
        Option(
            "of --init-panorama: the share of the steps to take: near 0 keeps it, 1 makes it anew (default:"
            f" {STRENGTH:g}; with --mask 1)",
            above=0,
            at_most=1,
        ),
    ] = UNSET
    mask: Annotated[
        PictureSource | None,
        Option(
            "of --init-panorama, a picture of its size: made anew where it is white, kept where black, mixed where gray",
            picture=True,
        ),
    ] = None

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.init_panorama is not None:
            self = self.filled(strength=STRENGTH if self.mask is None else 1.0)
        return super().resolve(checkpoint)

    def init_height(self) -> int | None:
        """Return the height of --init-panorama, if there is one. Raises InputError where it or its mask does not fit."""
        size = self.init_size()
        if size is None or self.init_panorama is None:
            return None
        (width, height), name = size, picture_name(self.init_panorama)
        if width != 2 * height or height % 2:
            raise InputError(
                f"--init-panorama is twice as wide as high, with an even number of rows, {name} is {width}x{height}:"
                " resize it",
                rule="init-panorama-shape",
            )
        if self.mask is not None:
            check_mask_size(self.mask, size, "panorama")
        return height

"""What views with a state each take: a picture to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from synoptic.errors import InputError
from synoptic.options.sampling import SamplingOptions
from synoptic.utils.picture import read_picture

if TYPE_CHECKING:
    from typing import Literal

    from synoptic.utils.picture import PictureSource


@dataclass(frozen=True, kw_only=True)
class InstanceOptions(SamplingOptions):
    """What panoramas and painted meshes share. The options are the applications' own: their help says of what they are."""

    INIT: ClassVar[str]  # init_ and what there is to begin with: the name of its option
    if TYPE_CHECKING:
        strength: float
        mask: PictureSource | None
        sync: Literal["x0", "eps", "xt", "none"]

    def init_size(self) -> tuple[int, int] | None:
        """Return (width, height) of the picture to begin with, None where there is none.

        Raises InputError where it cannot be read, or where what is of it was given without it.
        """
        picture, flag = getattr(self, self.INIT), f"--{self.INIT.replace('_', '-')}"
        if picture is not None:
            return read_picture(picture).size
        for name, value in (("--mask", self.mask), ("--strength", self.strength)):
            if value is not None:
                raise InputError(
                    f"{name} is of a {self.INIT.removeprefix('init_')} that there is, none was given: name it by {flag}",
                    rule=f"{flag[2:]}-needed",
                )
        return None

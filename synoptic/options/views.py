"""The options of `views`: which views there are, and whether they can work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import InputError, check_writable, user_path
from synoptic.options.base import Options
from synoptic.options.option import Option
from synoptic.utils.picture import PictureSource, read_picture
from synoptic.views.registry import FAILURES, VIEWS, side_multiple


@dataclass(frozen=True, kw_only=True)
class ViewsOptions(Options):
    """List the views of anagrams, or measure those named: the two laws, and whether white noise stays white noise.

    A view can work where its noise has mean 0, variance 1, kurtosis 3 and no correlations; recovery is how far the picture
    seen back is from the picture. The views named fails_… cannot, and are kept to show why.

    synoptic views rotate_cw inner_rotate:45 jigsaw+negate
    """

    names: Annotated[
        tuple[str, ...],
        Option(
            "views to measure: rotate_cw, inner_rotate:45, rotate_cw+negate, a permutation's file (default: all)",
            positional=True,
            separator="",
        ),
    ] = ()
    size: Annotated[int, Option("side of the pictures, in pixels", at_least=8, at_most=2048)] = 64
    picture: Annotated[
        PictureSource | None,
        Option("a picture to look at, its middle square (default: a letter F, drawn)", picture=True),
    ] = None
    out: Annotated[
        str, Option("folder: one sheet of all views, and each view before, after and seen back", recorded=False)
    ] = "outputs/views"

    def views(self) -> list[str]:
        return list(self.names or [*VIEWS, *FAILURES])

    def prepare(self) -> Self:
        for name in self.views():
            if self.size % side_multiple(name):
                raise InputError(
                    f"--size must be a multiple of {side_multiple(name)} for {name}, {self.size} was given: change it",
                    rule="view-side",
                )
        if self.picture is not None:
            read_picture(self.picture)
        check_writable(user_path(self.out))
        return self

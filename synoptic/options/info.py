"""The options of `info`: what a picture carries inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import InputError, user_path
from synoptic.options.base import Options
from synoptic.options.option import Option


@dataclass(frozen=True, kw_only=True)
class InfoOptions(Options):
    """Show the settings inside a picture that synoptic made, and the command that makes it again.

    synoptic info outputs/before_after.png
    """

    picture: Annotated[str, Option("the PNG", positional=True)]

    def prepare(self) -> Self:
        if not user_path(self.picture).is_file():
            raise InputError(f"a picture is needed, {self.picture} is no file: check the path", rule="picture-missing")
        return self

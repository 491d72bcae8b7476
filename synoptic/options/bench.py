"""The options of `bench`: synoptic and diffusers side by side on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import check_multiple, check_writable, user_path
from synoptic.models.registry import resolve
from synoptic.options.base import Options
from synoptic.options.option import Option
from synoptic.options.sampling import MOST_PIXELS


@dataclass(frozen=True, kw_only=True)
class BenchOptions(Options):
    """Time diffusers' panorama pipeline and ours on this machine's CPU, the same picture: a few minutes.

    synoptic bench --width 1024 --steps 5
    """

    width: Annotated[int, Option("pixels of the picture", at_least=256, at_most=MOST_PIXELS)] = 1536
    steps: Annotated[int, Option("denoising steps of each side", at_least=1)] = 25
    repeats: Annotated[int, Option("times that each side is run, in turn; the median counts", at_least=1)] = 1
    out: Annotated[str, Option("folder for bench.json and the pictures", recorded=False)] = "outputs/bench"

    def prepare(self) -> Self:
        check_multiple("--width", self.width, resolve("bundled").factor, "the pixels of a latent of the bundled model")
        check_writable(user_path(self.out))
        return self

"""Where a run's pictures go, and whether they are filmed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Self

from synoptic.errors import InputError, install_command
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.base import Options
from synoptic.options.option import Option

Out = Annotated[
    str | None,
    Option("folder of the pictures and run.json (default: outputs/COMMAND/…, named after the options)", recorded=False),
]


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Options):
    """Where the pictures go."""

    GROUP = "Output"

    trace: Annotated[
        bool, Option("film each picture as it is made: NAME.trace.mp4, .gif and .html (needs PyAV)", recorded=False)
    ] = False
    out: Out = None

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if self.trace and find_spec("av") is None:
            raise InputError(
                f"--trace needs PyAV, which is not installed: {install_command('video')}", rule="missing-package"
            )
        return super().resolve(checkpoint)

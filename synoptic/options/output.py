"""Where a run's pictures go, and whether they are filmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import check_installed, install_command
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
        if self.trace:
            check_installed("av", "--trace needs PyAV", install_command("video"))
        return super().resolve(checkpoint)

"""What a run raises at its end, once all that could be finished is saved. Imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synoptic.runs.grid_run import GridRun
    from synoptic.runs.manifest import Run


class RunFailed(RuntimeError):
    """A part of a run came to nothing: why, and the cure. `result` has all that was finished and saved, if anything was."""

    def __init__(self, why: str, result: Run | GridRun | None) -> None:
        super().__init__(why)
        self.result = result


class OptimizationFailed(RunFailed):
    """What was optimized came to nothing."""

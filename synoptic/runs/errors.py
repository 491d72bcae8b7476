"""What a run raises at its end, once all that could be finished is saved, and why it failed. Imports nothing heavy."""

from __future__ import annotations

import traceback
from importlib import import_module
from typing import TYPE_CHECKING

from synoptic.errors import InputError, NonFiniteError, in_python, printable
from synoptic.utils.out_of_memory import is_out_of_memory
from synoptic.utils.streams import error_stream

if TYPE_CHECKING:
    from synoptic.runs.grid import GridRun
    from synoptic.runs.manifest import Run


class RunFailed(RuntimeError):
    """A part of a run came to nothing: why, and the cure. `result` has all that was finished and saved, if anything was."""

    def __init__(self, why: str, result: Run | GridRun | None) -> None:
        super().__init__(why)
        self.result = result

    def __reduce__(self) -> tuple[type[RunFailed], tuple[str, Run | GridRun | None]]:
        """Return what a pickle makes it from."""
        return type(self), (str(self), self.result)

    def in_python(self) -> RunFailed:
        """Return the same error in Python's spelling."""
        return type(self)(in_python(str(self)), self.result)


class OptimizationFailed(RunFailed):
    """What was optimized came to nothing."""


def reason(error: Exception) -> str:
    """Return why a run failed. Gives a GPU's memory back; prints the traceback of what nobody expected."""
    if is_out_of_memory(error):
        import_module("synoptic.models.memory").empty_cache()
        return "memory has run out: ask for a smaller picture, or fewer at once"
    if isinstance(error, InputError | NonFiniteError | RunFailed | OSError):
        return str(error)
    traceback.print_exception(error, file=error_stream())
    return f"{type(error).__name__}: {printable(error)[:300]}"


def last_words(error: Exception) -> tuple[str, int]:
    """Return the line that says why a command stopped, and its exit code. Raises what nobody expected, a bug."""
    if isinstance(error, RunFailed | NonFiniteError):
        return printable(error), 1
    if isinstance(error, ImportError) and is_out_of_memory(error):
        return "error: memory must hold the libraries, there is too little even for them: raise its limit (ulimit -v)", 2
    if is_out_of_memory(error):
        reason = f" ({printable(error)[:200]})" if str(error) else ""
        cure = "try a half --dtype, or less of --width, --height or --count"
        return f"memory has run out{reason}; what was finished is saved: {cure}", 1
    if isinstance(error, OSError):
        return f"{printable(error)}; what was finished is saved, the same command resumes it once that is put right", 1
    raise error

"""Why a run failed, in a line for a person."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module

from synoptic.errors import InputError, NonFiniteError, printable
from synoptic.runs.errors import RunFailed
from synoptic.utils.out_of_memory import is_out_of_memory


def reason(error: Exception) -> str:
    """Return why a run failed. Gives a GPU's memory back; prints the traceback of what nobody expected."""
    if is_out_of_memory(error):
        import_module("synoptic.models.memory").empty_cache()
        return "memory has run out: ask for a smaller picture, or fewer at once"
    if isinstance(error, InputError | NonFiniteError | RunFailed | OSError):
        return str(error)
    traceback.print_exception(error, file=sys.stderr)
    return f"{type(error).__name__}: {printable(error)[:300]}"

"""Options that nothing would heed where they were given: refused, not silently dropped. Imports nothing heavy."""

from __future__ import annotations

from synoptic.errors import InputError
from synoptic.options.base import Options


def check_heeded(options: Options, *names: str, where: str) -> None:
    """Raise InputError where one of these options is not its default, though nothing heeds it; `where` says what would."""
    for spec in options.specs():
        value = getattr(options, spec.name)
        if spec.name in names and value not in (spec.default, None):
            flag = f"--no-{spec.flag[2:]}" if value is False else spec.flag
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            said = "" if isinstance(value, bool) else f", {shown} was given"
            raise InputError(f"{flag} is {where}{said}: omit it", rule="option-unheeded")

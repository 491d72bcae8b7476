"""A run in Python, as a person writes it."""

from __future__ import annotations

from collections.abc import Mapping

from synoptic.options import options_class


def python_call(application: str, recorded: Mapping[str, object]) -> str:
    """Return the lines of Python that give a run again: its recorded options that differ from their default."""
    words = [repr(application), *(f"{name}={value!r}" for name, value in changed(application, recorded).items())]
    return f"import synoptic\n\nsynoptic.run({', '.join(words)})\n"


def changed(application: str, recorded: Mapping[str, object]) -> dict[str, object]:
    """Return the recorded options that differ from their default."""
    found = {}
    for spec in options_class(application).specs():
        value = recorded.get(spec.name)
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        if value is not None and value != default:
            found[spec.name] = value
    return found

"""A run in Python, as a person writes it."""

from __future__ import annotations

from collections.abc import Mapping

from synoptic.options import options_class


def python_call(application: str, recorded: Mapping[str, object]) -> str:
    """Return the lines of Python that give a run again: its recorded options that differ from their default."""
    words = [repr(application)]
    for spec in options_class(application).specs():
        value = recorded.get(spec.name)
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        if value is not None and value != default:
            words.append(f"{spec.name}={value!r}")
    return f"import synoptic\n\nsynoptic.run({', '.join(words)})\n"

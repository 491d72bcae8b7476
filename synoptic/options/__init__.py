"""What a user may ask of each application. Imports nothing heavy: a wrong option is answered at once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synoptic.options.base import Options


def options_class(name: str) -> type[Options]:
    """Return a command's options, by its name alone: `text_to_3d` -> options.text_to_3d.TextTo3DOptions."""
    home = "synoptic.courses.evaluate_options" if name == "evaluate" else f"synoptic.options.{name}"
    module = import_module(home)
    return getattr(module, name.title().replace("_", "") + "Options")

"""Tools: small commands with options of their own, as functions of Python too."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from synoptic.errors import raising_in_python
from synoptic.options import options_class
from synoptic.options.signature import python_doc, python_signature


class Tool:
    """A tool as a Python function: `score("outputs", clip_model="bundled")` returns what the command prints."""

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.options_class = options_class(name)
        self.__doc__ = python_doc(self.options_class)
        self.__signature__ = python_signature(self.options_class)

    @raising_in_python
    def __call__(self, *values: object, **options: object) -> Any:
        prepared = self.options_class.from_arguments(*values, **options).prepare()
        return tool_module(self.__name__).execute(prepared)


def tool_module(name: str) -> ModuleType:
    """Return the module that carries out a tool: in `courses/`, `studio/` or `commands/`."""
    elsewhere = {"batch": "jobs.batch", "evaluate": "courses.evaluate", "studio": "studio.server"}
    return import_module(f"synoptic.{elsewhere.get(name, f'commands.{name}')}")

"""What a user may ask of each application. Imports nothing heavy: a wrong option is answered at once."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import synoptic
from synoptic.errors import InputError

if TYPE_CHECKING:
    from synoptic.options.base import Options


def options_home(name: str) -> tuple[str, str]:
    """Return where a command's options are, by its name alone: `text_to_3d` -> options.text_to_3d, TextTo3DOptions."""
    module = "synoptic.courses.evaluate_options" if name == "evaluate" else f"synoptic.options.{name}"
    return module, name.title().replace("_", "") + "Options"


def options_class(name: str) -> type[Options]:
    """Return a command's options, by its name alone."""
    module, class_name = options_home(name)
    return getattr(import_module(module), class_name)


def options_docstring(name: str) -> str:
    """Return the docstring of a command's options, read from the source, which is not executed: help lists every command.

    It is the command's help: paragraphs, then the command lines of its examples.
    """
    module, class_name = options_home(name)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    return ast.get_docstring(found) or ""


def is_example(paragraph: str) -> bool:
    """Return whether a paragraph of a docstring is command lines alone."""
    return all(line.startswith("synoptic ") for line in paragraph.split("\n"))


def application_name(name: object, known: Sequence[str] = synoptic.APPLICATIONS) -> str:
    """Return an application's name in Python, `text_to_3d` for text-to-3d. Raises InputError where none is called so."""
    found = name.replace("-", "_") if isinstance(name, str) else ""
    if found not in known:
        near = get_close_matches(found, known, 1)
        cure = f"did you mean {near[0]}?" if near else f"write one of {', '.join(known)}"
        what = "none was given" if name is None else f"{str(name)[:60]!r} is none"
        raise InputError(f"an application is named, {what}: {cure}", rule="application-unknown")
    return found

"""The docstring of a command's options, which is its help: paragraphs, then the command lines of its examples."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from synoptic.options import options_home


def options_docstring(name: str) -> str:
    """Return the docstring of a command's options, read from the source, which is not executed: help lists every command."""
    module, class_name = options_home(name)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    return ast.get_docstring(found) or ""


def is_example(paragraph: str) -> bool:
    """Return whether a paragraph of a docstring is command lines alone."""
    return all(line.startswith("synoptic ") for line in paragraph.split("\n"))

"""Emphasis in prompts: `(word:1.3)`, as AUTOMATIC1111's interface writes it. Imports nothing heavy."""

from __future__ import annotations

import re

EMPHASIS = re.compile(r"(?<!\\)\(([^()]+?):(\d+\.?\d*|\.\d+)\)")


def fragments(prompt: str) -> list[tuple[str, float]]:
    """Return a prompt's parts, each with its weight: 1 outside `(…:weight)`; `\\(` and `\\)` are parentheses."""
    found, end = [], 0
    for one in EMPHASIS.finditer(prompt):
        found += [(prompt[end : one.start()], 1.0), (one[1], float(one[2]))]
        end = one.end()
    return [(unescaped(text), weight) for text, weight in [*found, (prompt[end:], 1.0)] if text.strip()]


def without_emphasis(prompt: str) -> str:
    """Return the words of a prompt alone."""
    return unescaped(EMPHASIS.sub(lambda found: found[1], prompt))


def unescaped(text: str) -> str:
    return re.sub(r"\\([()])", r"\1", text)

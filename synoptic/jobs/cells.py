"""Values of options as the cells of a table."""

from __future__ import annotations

import json


def cell(value: object) -> str:
    """Return an option's value as text: of a list each value, one after another."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " | ".join(map(cell, value))
    return value if isinstance(value, str) else json.dumps(value, default=str)

"""What a JSON file holds. Imports nothing heavy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

JsonObject = dict[str, Any]  # as `json.loads` gives it: nothing is known of its values before they are checked


def first_twice(names: Iterable[str]) -> str | None:
    """Return the first of some names that stands twice or more, if any does."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def without_duplicates(pairs: list[tuple[str, object]]) -> JsonObject:
    """Return the pairs of an object, as `json.loads` hands them. Raises ValueError where a name stands twice."""
    if twice := first_twice(name for name, _ in pairs):
        raise ValueError(f"{twice[:60]!r} stands twice in one object")
    return dict(pairs)

"""Views that show the same, whatever they are called: turns and mirrors a mirror's two names. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

from synoptic.views.registry import parse_view

CORNERS = {  # a square motion -> for each corner of the view, clockwise from the upper left, which of the picture's it shows
    "identity": (0, 1, 2, 3),
    "rotate_cw": (3, 0, 1, 2),
    "rotate_180": (2, 3, 0, 1),
    "rotate_ccw": (1, 2, 3, 0),
    "flip": (3, 2, 1, 0),
    "flip_horizontal": (1, 0, 3, 2),
}
STILL = CORNERS["identity"]


def equal_views(names: Sequence[str], prompts: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of views that show the same and have different prompts. Raises InputError for what is no view."""
    seen = [(name, canonical_parts(name), words) for name, words in zip(names, prompts, strict=False)]
    return [(one[0], other[0]) for one, other in combinations(seen, 2) if one[1] == other[1] and one[2] != other[2]]


def canonical_parts(name: str) -> list[Hashable]:
    """Return what a view is made of, motions of the square in a row as one, those that move nothing left out."""
    parts: list[Hashable] = []
    corners = STILL
    for part in parse_view(name):
        if part.kind in CORNERS:
            corners = tuple(corners[place] for place in CORNERS[part.kind])
            continue
        parts += [*([corners] if corners != STILL else []), (part.kind, part.arguments, part.order)]
        corners = STILL
    return [*parts, *([corners] if corners != STILL else [])]

"""A number with its noun, as it is said."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return "1 picture" or "2 pictures" of a noun whose plural ends in s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

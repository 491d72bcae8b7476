"""The square's own motions: turns and flips. Valid because each only moves pixels (Permutation)."""

from __future__ import annotations

from synoptic.views.permutation import Permutation, index_grid


def identity() -> Permutation:
    """Return the picture as it is."""
    return Permutation("identity", index_grid)


def flip() -> Permutation:
    """Return the picture upside down, by a mirror that lies flat: rows in reverse."""
    return Permutation("flip", lambda side: index_grid(side).flip(0))


def flip_horizontal() -> Permutation:
    """Return left and right exchanged: columns in reverse."""
    return Permutation("flip_horizontal", lambda side: index_grid(side).flip(1))


def rotate_cw() -> Permutation:
    """Return the picture turned clockwise by 90°: what was on top is on the right."""
    return Permutation("rotate_cw", lambda side: index_grid(side).rot90(-1))


def rotate_ccw() -> Permutation:
    """Return the picture turned counter-clockwise by 90°: what was on top is on the left."""
    return Permutation("rotate_ccw", lambda side: index_grid(side).rot90(1))


def rotate_180() -> Permutation:
    """Return the picture turned by 180°."""
    return Permutation("rotate_180", lambda side: index_grid(side).rot90(2))

"""Views by the names people type: "rotate_cw", "inner_rotate:45", "rotate_cw+negate", "mine.npy". Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from synoptic.errors import InputError, is_finite
from synoptic.utils.arguments import check_argument
from synoptic.views.permutation_file import SUFFIXES, read_permutation

if TYPE_CHECKING:
    from synoptic.views.base import View


class NumberArgument(NamedTuple):
    """A number that may follow a name after a colon: whole and at least `minimum`, or any where `minimum` is None."""

    meaning: str
    default: float
    minimum: int | None


class ViewSpec(NamedTuple):
    """A view: what it shows, what builds it ("module.name" of this folder), the numbers that this takes, what a picture's
    side must be a multiple of, a function of those numbers, and whether it is of red, green and blue.
    """

    summary: str
    target: str
    arguments: tuple[NumberArgument, ...] = ()
    side_multiple: Callable[..., int] = lambda *numbers: 1
    of_colors: bool = False


VIEWS = {
    "identity": ViewSpec("the picture as it is", "rotations.identity"),
    "flip": ViewSpec("upside down, by a mirror (also: flip_vertical)", "rotations.flip"),
    "flip_horizontal": ViewSpec("left and right exchanged", "rotations.flip_horizontal"),
    "rotate_cw": ViewSpec("turned clockwise by 90 degrees", "rotations.rotate_cw"),
    "rotate_ccw": ViewSpec("turned counter-clockwise by 90 degrees", "rotations.rotate_ccw"),
    "rotate_180": ViewSpec("turned by 180 degrees", "rotations.rotate_180"),
    "negate": ViewSpec("its photographic negative", "negate.Negate"),
    "skew": ViewSpec("columns slide down, the further right the more", "skew.skew"),
    "patch_permute": ViewSpec(
        "8x8 patches shuffled; patch_permute:PIECES:SEED",
        "patches.patch_permute",
        (NumberArgument("PIECES", 8, 2), NumberArgument("SEED", 0, 0)),
        lambda pieces, seed: pieces,
    ),
    "pixel_permute": ViewSpec(
        "pixels shuffled, 64x64 blocks of larger pictures; pixel_permute:SEED:PIECES",
        "patches.pixel_permute",
        (NumberArgument("SEED", 0, 0), NumberArgument("PIECES", 64, 2)),
        lambda seed, pieces: pieces,
    ),
    "jigsaw": ViewSpec("16 jigsaw pieces put together in another order", "jigsaw.jigsaw", side_multiple=lambda: 4),
    "square_hinge": ViewSpec("3x3 squares that turn against each other", "square_hinge.square_hinge"),
    "inner_circle": ViewSpec("the disc in its middle turned by 180 degrees", "inner_circle.inner_circle"),
    "inner_rotate": ViewSpec(
        "the disc in its middle turned clockwise by 90 degrees; inner_rotate:DEGREES",
        "inner_circle.inner_rotate",
        (NumberArgument("DEGREES", 90, None),),
    ),
}
FAILURES = {
    "fails_blur": ViewSpec("out of focus: blurred noise is no noise", "failures.Blur"),
    "fails_white_balance": ViewSpec("warmer: red noise grows, blue noise shrinks", "failures.WhiteBalance", of_colors=True),
    "fails_scale": ViewSpec("at half its size, on gray", "failures.Scale", side_multiple=lambda: 4),
}
FACTORIZATIONS = {
    "pass": "low and high frequencies: from afar and from near",
    "triple": "low, middle and high frequencies",
    "triple-cascade": "the same as the authors' code parts them: the lowest is blurred twice",
    "color": "gray and color",
    "motion": "moving and at rest",
    "motion-zeros": "the same as in the authors' code, black beyond the edges",
}
ALIASES = {"flip_vertical": "flip"}


class ParsedView(NamedTuple):
    """A single view: its kind, the numbers after it (defaults filled in), or the order read from a file."""

    text: str
    kind: str
    arguments: tuple[float, ...] = ()
    order: tuple[int, ...] = ()


def parse_view(name: str) -> list[ParsedView]:
    """Return a typed name as its parts, in the order they are applied. Raises InputError for what is no view."""
    return [_parse_part(typed.strip()) for typed in name.split("+")]


def get_view(name: str) -> View:
    """Return the view of that name; several joined by "+" are applied from left to right.
    Raises InputError for what is no view.
    """
    check_argument("name", name, str)
    parts = [_build(part) for part in parse_view(name)]
    return parts[0] if len(parts) == 1 else import_module("synoptic.views.chain").Chain(parts)


def side_multiple(name: str) -> int:
    """Return what a picture's side must be a multiple of for this view to work. Raises InputError for what is no view."""
    return math.lcm(*(_side_multiple(part) for part in parse_view(name)))


def is_of_colors(name: str) -> bool:
    """Return whether a view, or one that it is joined of, is of red, green and blue, not of latents."""
    return any(part.kind in FAILURES and FAILURES[part.kind].of_colors for part in parse_view(name))


def _parse_part(typed: str) -> ParsedView:
    if typed.endswith(SUFFIXES):
        return ParsedView(typed, "file", order=tuple(read_permutation(typed)))
    kind, *given = typed.split(":")
    kind = ALIASES.get(kind, kind)
    spec = (VIEWS | FAILURES).get(kind)
    if spec is None:
        raise InputError(
            f"a view is one of {', '.join(VIEWS)}, or a .npy or .json file; {typed!r} was given", rule="view-unknown"
        )
    if len(given) > len(spec.arguments):
        form = ":".join([kind, *(rule.meaning for rule in spec.arguments)])
        raise InputError(f"{kind} is written {form}, {typed!r} was given: leave out what follows", rule="view-arguments")
    numbers = [_number(typed, text, rule) for text, rule in zip(given, spec.arguments, strict=False)]
    return ParsedView(typed, kind, (*numbers, *(rule.default for rule in spec.arguments[len(given) :])))


def _number(typed: str, text: str, rule: NumberArgument) -> float:
    try:
        number = float(text) if rule.minimum is None else int(text)
    except ValueError:
        number = math.nan
    if not is_finite(number) or (rule.minimum is not None and number < rule.minimum):
        allowed = "a number" if rule.minimum is None else f"a whole number from {rule.minimum}"
        raise InputError(f"{rule.meaning} must be {allowed}, {typed!r} was given: correct it", rule="view-value")
    return number


def _side_multiple(part: ParsedView) -> int:
    if part.order:
        return math.isqrt(len(part.order))
    return (VIEWS | FAILURES)[part.kind].side_multiple(*part.arguments)


def _build(part: ParsedView) -> View:
    if part.order:
        return import_module("synoptic.views.patches").custom_permutation(part.text, part.order)
    spec = (VIEWS | FAILURES)[part.kind]
    module, _, name = spec.target.partition(".")
    return getattr(import_module(f"synoptic.views.{module}"), name)(*part.arguments)

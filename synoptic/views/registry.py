"""Views by the names people type: "rotate_cw", "inner_rotate:45", "rotate_cw+negate", "mine.npy". Imports nothing heavy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from synoptic.errors import InputError
from synoptic.views.permutation_file import SUFFIXES, read_permutation

if TYPE_CHECKING:
    from synoptic.views.base import View

VIEWS = {
    "identity": "the picture as it is",
    "flip": "upside down, by a mirror (also: flip_vertical)",
    "flip_horizontal": "left and right exchanged",
    "rotate_cw": "turned clockwise by 90 degrees",
    "rotate_ccw": "turned counter-clockwise by 90 degrees",
    "rotate_180": "turned by 180 degrees",
    "negate": "its photographic negative",
    "skew": "columns slide down, the further right the more",
    "patch_permute": "8x8 patches shuffled; patch_permute:PIECES:SEED",
    "pixel_permute": "pixels shuffled, 64x64 blocks of larger pictures; pixel_permute:SEED:PIECES",
    "jigsaw": "16 jigsaw pieces put together in another order",
    "square_hinge": "3x3 squares that turn against each other",
    "inner_circle": "the disc in its middle turned by 180 degrees",
    "inner_rotate": "the disc in its middle turned clockwise by 90 degrees; inner_rotate:DEGREES",
}
FAILURES = {
    "fails_blur": "out of focus: blurred noise is no noise",
    "fails_white_balance": "warmer: red noise grows, blue noise shrinks",
    "fails_scale": "at half its size, on grey",
}
FACTORIZATIONS = {
    "pass": "low and high frequencies: from afar and from near",
    "triple": "low, middle and high frequencies",
    "triple-cascade": "the same as the authors' code parts them: the lowest is blurred twice",
    "color": "grey and colour",
    "motion": "moving and at rest",
    "motion-zeros": "the same as in the authors' code, black beyond the edges",
}
ALIASES = {"flip_vertical": "flip"}


class NumberArgument(NamedTuple):
    """A number that may follow a name after a colon: whole and at least `minimum`, or any where `minimum` is None."""

    meaning: str
    default: float
    minimum: int | None


VIEW_ARGUMENTS = {
    "patch_permute": (NumberArgument("PIECES", 8, 2), NumberArgument("SEED", 0, 0)),
    "pixel_permute": (NumberArgument("SEED", 0, 0), NumberArgument("PIECES", 64, 2)),
    "inner_rotate": (NumberArgument("DEGREES", 90, None),),
}


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
    from synoptic.views.chain import Chain

    parts = [_build(part) for part in parse_view(name)]
    return parts[0] if len(parts) == 1 else Chain(parts)


def side_multiple(name: str) -> int:
    """Return what a picture's side must be a multiple of for this view to work. Raises InputError for what is no view."""
    return math.lcm(*(_side_multiple(part) for part in parse_view(name)))


def _parse_part(typed: str) -> ParsedView:
    if typed.endswith(SUFFIXES):
        return ParsedView(typed, "file", order=tuple(read_permutation(typed)))
    kind, *given = typed.split(":")
    kind = ALIASES.get(kind, kind)
    if kind not in VIEWS | FAILURES:
        raise InputError(
            f"a view is one of {', '.join(VIEWS)}, or a .npy or .json file; {typed!r} was given", rule="view-unknown"
        )
    rules = VIEW_ARGUMENTS.get(kind, ())
    if len(given) > len(rules):
        form = ":".join([kind, *(rule.meaning for rule in rules)])
        raise InputError(f"{kind} is written {form}, {typed!r} was given: leave out what follows", rule="view-arguments")
    numbers = [_number(typed, text, rule) for text, rule in zip(given, rules, strict=False)]
    return ParsedView(typed, kind, (*numbers, *(rule.default for rule in rules[len(given) :])))


def _number(typed: str, text: str, rule: NumberArgument) -> float:
    try:
        number = float(text) if rule.minimum is None else int(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (rule.minimum is not None and number < rule.minimum):
        allowed = "a number" if rule.minimum is None else f"a whole number from {rule.minimum}"
        raise InputError(f"{rule.meaning} must be {allowed}, {typed!r} was given: correct it", rule="view-value")
    return number


def _side_multiple(part: ParsedView) -> int:
    match part.kind, part.arguments:
        case "patch_permute", (pieces, _):
            return int(pieces)
        case "pixel_permute", (_, pieces):
            return int(pieces)
        case "file", _:
            return math.isqrt(len(part.order))
        case (("jigsaw" | "fails_scale"), _):
            return 4
        case _:
            return 1


def _build(part: ParsedView) -> View:
    from synoptic.views import failures, inner_circle, jigsaw, negate, patches, rotations, skew, square_hinge

    match part.kind, part.arguments:
        case "negate", _:
            return negate.Negate()
        case "skew", _:
            return skew.skew()
        case "patch_permute", (pieces, seed):
            return patches.patch_permute(int(pieces), int(seed))
        case "pixel_permute", (seed, pieces):
            return patches.pixel_permute(int(seed), int(pieces))
        case "jigsaw", _:
            return jigsaw.jigsaw()
        case "square_hinge", _:
            return square_hinge.square_hinge()
        case "inner_circle", _:
            return inner_circle.inner_circle()
        case "inner_rotate", (angle,):
            return inner_circle.inner_rotate(angle)
        case "fails_blur", _:
            return failures.Blur()
        case "fails_white_balance", _:
            return failures.WhiteBalance()
        case "fails_scale", _:
            return failures.Scale()
        case "file", _:
            return patches.custom_permutation(part.text, part.order)
        case _:
            return getattr(rotations, part.kind)()

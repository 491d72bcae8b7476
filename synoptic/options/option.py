"""One option: its help, its range, its type, and what a person or a program may give for it."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from synoptic.errors import InputError, brief, is_encodable, is_finite
from synoptic.models.names import Kind
from synoptic.utils.picture import convert_picture

UNSET: Any = None  # the default of an option that `resolve` fills in


@dataclass(frozen=True)
class Option:
    """Describe one option: its help, its range, and how it is written on a command line.

    `separator` stands between the values of a list ("" where a value may hold any character: the option is repeated).
    `recorded` is False for what changes no picture. `picture` accepts a PIL image or an array beside a file's path.
    `weights` is of what may be named by a folder or a file of weights.
    """

    help: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    positional: bool = False
    separator: str = ","
    recorded: bool = True
    picture: bool = False
    weights: Kind | None = field(default=None, hash=False)


class OptionSpec(NamedTuple):
    """One option of a dataclass: its name in Python, type, description, default (MISSING where required), help group."""

    name: str
    kind: object
    option: Option
    default: object
    group: str

    @property
    def flag(self) -> str:
        """Return the name on the command line, as `--guidance-scale`; a positional one has no dashes."""
        return self.name if self.option.positional else f"--{self.name.replace('_', '-')}"

    @property
    def is_list(self) -> bool:
        return any(get_origin(kind) is tuple for kind in alternatives(self.kind))

    def checked(self, value: object) -> object:
        """Return the value in the option's own type. Raises InputError where it has another type or lies out of range."""
        if value is None and (self.default is None or NoneType in alternatives(self.kind)):
            return None
        try:
            value = convert_picture(value) if self.option.picture else convert(self.kind, value)
        except (TypeError, ValueError) as e:
            raise InputError(
                f"{self.flag} must be {e}, {brief(value)} was given: correct it", rule=f"{self.name}-type"
            ) from None
        for number in value if isinstance(value, tuple) else (value,):
            self._check_range(number)
        return value

    def _check_range(self, value: object) -> None:
        o = self.option
        if not isinstance(value, int | float):
            return
        for words, bound, is_broken, cure in (
            ("at least", o.at_least, operator.lt, "raise"),
            ("above", o.above, operator.le, "raise"),
            ("at most", o.at_most, operator.gt, "lower"),
        ):
            if bound is not None and is_broken(value, bound):
                raise InputError(
                    f"{self.flag} must be {words} {bound:.15g}, {value} was given: {cure} it",
                    rule=f"{self.name}-{words.replace(' ', '-')}",
                )


def alternatives(kind: object) -> tuple[Any, ...]:
    """Return the members of a union type, or the type alone."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def convert(kind: object, value: object) -> object:
    """Return the value as `kind`: a str, int, float, bool, Literal, tuple of these, or one of them and None.

    Numbers of NumPy and torch count as Python's, paths as strings, one value as a list of one. Raises TypeError or
    ValueError, which say what was expected.
    """
    (kind, *_) = [k for k in alternatives(kind) if k is not NoneType]
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"one of {', '.join(get_args(kind))}")
        return value
    if get_origin(kind) is tuple:
        item, *rest = get_args(kind)
        if isinstance(value, Mapping | set | frozenset | bytes):
            raise TypeError("a list")
        values = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        if rest != [...] and len(values) != 1 + len(rest):
            raise ValueError(f"{1 + len(rest)} values")
        return tuple(convert(item, one) for one in values)
    if kind is str:
        if not isinstance(value, str | os.PathLike):
            raise TypeError("a text")
        text = os.fspath(value)
        if not isinstance(text, str) or not is_encodable(text):
            raise ValueError("a text in UTF-8, without NUL")
        return str(text)  # not NumPy's own kind of it
    number = getattr(value, "item", None)  # of NumPy or torch
    if number and getattr(value, "shape", ()) in ((), (1,)):
        value = number()
    if kind is bool:
        if not isinstance(value, bool):
            raise TypeError("True or False")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and not isinstance(value, int)):
        raise TypeError("a whole number" if kind is int else "a number")
    if not is_finite(value) or abs(value) >= 2**63:
        raise ValueError("a finite number of at most 64 bits")
    return int(value) if kind is int else float(value)

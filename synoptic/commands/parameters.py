"""Options as cyclopts reads them, and what belongs to the command line alone: --grid, --open, --verbose."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Group, Parameter, Token

from synoptic.commands.help import GROUPS, group_of, place
from synoptic.errors import InputError
from synoptic.options.base import Options, split_list
from synoptic.options.option import OptionSpec, alternatives

SHELL_GROUP = Group("Command line", sort_key=len(GROUPS) + 100)
GRID = "a picture for every value: guidance-scale=3,5,7 or seed=0..3; twice for a grid of two options"


def whole_number(flag: str) -> Callable[..., object]:
    """Return the converter of an option that is a whole number; cyclopts' own one rounds 1.5 to 2."""
    return lambda kind, tokens: number(flag, int, tokens[0].value)


def number(flag: str, kind: type, word: str) -> object:
    """Return what a person typed as an int or a float. Raises InputError where it is none."""
    try:
        return kind(word)
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        rule = f"{flag[2:].replace('-', '_')}-type"
        raise InputError(f"{flag} takes {what}, {word!r} is none: correct it", rule=rule) from None


def shell_parameter(name: str, kind: object, default: object, help: str, *short: str) -> inspect.Parameter:
    """Return an option of the command line alone, as cyclopts reads it."""
    flag = f"--{name.replace('_', '-')}"
    how = Parameter(
        name=(flag, *short),
        help=help,
        group=SHELL_GROUP,
        negative=(),
        show_default=False,
        converter=whole_number(flag) if int in alternatives(kind) else None,
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, how])


SHELL = {
    "grid": shell_parameter("grid", tuple[str, ...], (), GRID),
    "dry_run": shell_parameter("dry_run", bool, False, "say what it takes, memory, steps, seconds, and do nothing"),
    "open": shell_parameter("open", bool, False, "show the result in the browser when it is done"),
    "verbose": shell_parameter("verbose", bool, False, "the seconds of every phase, and tracebacks of errors", "-v"),
}
ENGINE = {
    "engine": shell_parameter(
        "engine", Literal["local", "ray"] | None, None, "make the pictures by several processes, or on a Ray cluster"
    ),
    "workers": shell_parameter("workers", int | None, None, "with --engine: how many (default: as synoptic batch)"),
    "address": shell_parameter("address", str | None, None, "with --engine ray: of the cluster, auto or HOST:PORT"),
}


def signature(options: type[Options], shell: Sequence[inspect.Parameter] = ()) -> inspect.Signature:
    """Return the signature that cyclopts reads: positional options first, then the others, each with its help and group.

    `shell` is what belongs to the command line alone.
    """
    every = options.specs()
    groups = list(dict.fromkeys([*GROUPS, *(spec.group for spec in every)]))
    shown = {name: Group(name, sort_key=k) for k, name in enumerate(groups)}
    own = [parameter(spec, shown[group_of(spec)]) for spec in sorted(every, key=place)]
    return inspect.Signature([*own, *shell])


def parameter(spec: OptionSpec, group: Group) -> inspect.Parameter:
    """Return one option as cyclopts reads it."""
    P, details = inspect.Parameter, {"help": spec.option.help, "group": group}
    kind: Any = str if spec.option.picture else spec.kind
    kind = kind | None if spec.default is None else kind
    if spec.option.positional:
        style = P.VAR_POSITIONAL if spec.is_list else P.POSITIONAL_ONLY
        kind = str if spec.is_list else kind
        default = P.empty if spec.is_list or spec.default is MISSING else spec.default
        return P(spec.name, style, default=default, annotation=Annotated[kind, Parameter(**details)])
    details["show_default"] = shown_default if says_something(spec.default) else False
    if int in alternatives(spec.kind):
        details |= {"converter": whole_number(spec.flag), "n_tokens": 1}
    elif spec.is_list:
        details |= {"converter": listed(spec), "n_tokens": 1, "negative": (), "accepts_keys": False}
    required = spec.default is MISSING
    return P(
        spec.name,
        P.KEYWORD_ONLY,
        default=P.empty if required else spec.default,
        annotation=Annotated[kind, Parameter(name=spec.flag, **details)],
    )


def says_something(default: object) -> bool:
    """Return whether a default is worth showing: not None, False, or an empty text or list."""
    return default is not None and default is not False and default not in ("", ())


def shown_default(value: object) -> str:
    """Return a default as a person types it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def listed(spec: OptionSpec) -> Callable[..., tuple[object, ...]]:
    """Return the converter of an option that is a list: values between commas, or the option again."""

    def convert(kind: object, tokens: Sequence[Token]) -> tuple[object, ...]:
        words = [word for token in tokens for word in (split_list(token.value) if spec.option.separator else [token.value])]
        (item, *_) = get_args(next(a for a in alternatives(kind) if get_origin(a) is tuple))
        return tuple(number(spec.flag, item, word) if item in (int, float) else word for word in words)

    return convert

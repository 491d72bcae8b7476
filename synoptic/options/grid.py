"""A grid of pictures over the values of one or two options: `--grid guidance-scale=3,5,7 --grid seed=0..3`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple, TypeVar, get_origin

from synoptic.errors import InputError, brief
from synoptic.options.base import Options, split_list
from synoptic.options.option import OptionSpec, alternatives
from synoptic.options.seeds import RANDOM, drawn_seed

O = TypeVar("O", bound=Options)  # noqa: E741
MOST = 144  # cells: beyond it nobody looks at them all
RANGE = re.compile(r"(-?\d{1,19})\.\.(-?\d{1,19})")


class Axis(NamedTuple):
    """One option and the values that it takes in turn."""

    spec: OptionSpec
    values: tuple[object, ...]

    def __str__(self) -> str:
        """Return it as a person types it."""
        return f"{self.spec.flag[2:]}={','.join(map(str, self.values))}"


def parse_axes(options: type[Options], words: Sequence[str]) -> list[Axis]:
    """Return the axes of a command's grid. Raises InputError on a name or value that the option does not take."""
    return check_axes([parse_axis(options, word) for word in words], words)


def make_axes(options: type[Options], values: Mapping[str, Sequence[object]]) -> list[Axis]:
    """Return the axes of a grid of these options and values. Raises InputError as `parse_axes`."""
    if not isinstance(values, Mapping) or any(isinstance(v, str) or not isinstance(v, Iterable) for v in values.values()):
        raise InputError(
            f'--grid has options with lists of values, {brief(values)} was given: write {{"seed": [0, 1]}}, for example',
            rule="grid-axes",
        )
    axes = [make_axis(find_option(options, name, name), list(some)) for name, some in values.items()]
    return check_axes(axes, list(values))


def check_axes(axes: list[Axis], words: Sequence[str]) -> list[Axis]:
    """Return the axes of one or two different options. Raises InputError where they are not."""
    if len(axes) > 2:
        raise InputError(f"--grid has one or two options, {len(axes)} were given: omit the others", rule="grid-axes")
    if empty := next((axis for axis in axes if not axis.values), None):
        raise InputError(
            f"--grid has a value of its option at least, {str(empty)!r} holds none: give some, from the lower to the higher",
            rule="grid-axes",
        )
    if len({axis.spec.name for axis in axes}) < len(axes):
        raise InputError(f"--grid takes two different options, {words[0]!r} and {words[1]!r} are one", rule="grid-axes")
    return axes


def parse_axis(options: type[Options], word: str) -> Axis:
    name, _, text = word.partition("=")
    spec = find_option(options, name if text else "", word)
    if found := RANGE.fullmatch(text):
        values: Sequence[str] = [str(k) for k in range(int(found[1]), min(int(found[2]), int(found[1]) + MOST) + 1)]
    else:
        values = split_list(text)
    return make_axis(spec, [parse(spec, value) for value in values])


def find_option(options: type[Options], name: str, typed: str) -> OptionSpec:
    """Return the option of one value of that name. Raises InputError where there is none; `typed` is what was given."""
    specs = {spec.flag.removeprefix("--"): spec for spec in options.specs()}
    spec = specs.get(name.removeprefix("--").replace("_", "-"))
    if spec is None or spec.option.positional or spec.is_list or not spec.option.recorded:
        raise InputError(
            f"--grid takes an option with one value, as guidance-scale=3,5,7 or seed=0..3, {typed!r} is none: correct it",
            rule="grid-option",
        )
    return spec


def make_axis(spec: OptionSpec, values: Sequence[object]) -> Axis:
    """Return an option with the distinct values that it takes. Raises InputError where it does not take one."""
    return Axis(spec, tuple(dict.fromkeys(spec.checked(value) for value in values)))


def parse(spec: OptionSpec, word: str) -> object:
    """Return a typed word as the option's own type, which `checked` then looks at."""
    (kind, *_) = [k for k in alternatives(spec.kind) if k is not type(None)]
    if get_origin(kind) is Literal or kind is str:
        return word
    if kind is bool:
        return {"true": True, "false": False, "yes": True, "no": False}.get(word.lower(), word)
    try:
        return kind(word)
    except (TypeError, ValueError):
        return word


def prepare_cells(options: type[O], axes: Sequence[Axis], values: Sequence[object], named: Mapping[str, object]) -> list[O]:
    """Return the prepared options of every cell, row by row: the first axis goes across, the second down.

    Raises InputError where there are too many, or a cell has more than one picture.
    """
    count = len(axes[0].values) * (len(axes[1].values) if len(axes) > 1 else 1)
    if count > MOST:
        raise InputError(f"--grid has at most {MOST} cells, {count} were given: omit values", rule="grid-size")
    fixed = dict(named) | ({"seed": drawn_seed()} if named.get("seed") == RANDOM else {})
    cells = []
    for combination in product(*(axis.values for axis in reversed(axes))):
        chosen = dict(zip((axis.spec.name for axis in reversed(axes)), combination, strict=True))
        cells.append(options.from_arguments(*values, **fixed | chosen).prepare())
    for cell in cells[:1]:
        if cell.variants() or len(cell.items()) != 1:
            raise InputError(
                f"--grid shows one picture a cell, {len(cell.items())} are asked for: give one prompt, and no --count",
                rule="grid-one-picture",
            )
    return cells

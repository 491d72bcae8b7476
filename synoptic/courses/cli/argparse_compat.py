"""What the doors share: options as the courses write them, and one line for what is wrong."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from synoptic.errors import InputError


def answer(door: str, act: Callable[[], None]) -> int:
    """act()'s exit code: 0, 2 with one line for bad input, 130 on Ctrl-C; anything else is a bug and shows its traceback."""
    try:
        act()
    except InputError as e:
        print(f"{door}: error: {' '.join(str(e).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{door}: stopped; what was finished is saved, the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def notice(text: str) -> None:
    print(f"main.py: notice: {text}", file=sys.stderr)


def dashes(argv: Sequence[str]) -> list[str]:
    """The slides write `-app` for `--app`: a word behind one dash is an option too."""
    return [re.sub(r"^-(?=[a-z]\w+(=|$))", "--", word) for word in argv]


class Parser(argparse.ArgumentParser):
    """argparse whose errors are InputError, and with options that only keep a course's command line running."""

    idle: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see: python {self.prog} --help)")

    def without_effect(self, **options: dict[str, Any]) -> None:
        group = self.add_argument_group("accepted, without effect")
        for name, how in options.items():
            group.add_argument(f"--{name}", default=argparse.SUPPRESS, **how)
        self.idle = tuple(options)


def least(bound: float, kind: Callable[[str], float] = int) -> Callable[[str], float]:
    """An argparse type: a number of `kind`, at least `bound`."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not bound <= value < math.inf:
            raise argparse.ArgumentTypeError(f"a number of at least {bound} is needed, {text!r} was given")
        return value

    return read


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Options in the message of a InputError get the names that the door gives them."""
    try:
        yield
    except InputError as e:
        message = str(e)
        for ours, theirs in names.items():
            message = re.sub(rf"{ours}\b", theirs, message)
        raise InputError(message) from None

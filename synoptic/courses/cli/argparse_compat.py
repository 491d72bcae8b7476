"""What the courses' command lines share: options as the courses write them, and one line for what is wrong."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

from synoptic.errors import InputError
from synoptic.utils.json_objects import JsonObject


def exit_code(program: str, act: Callable[[], None]) -> int:
    """Run act(), return the exit code: 0, 2 with a line for bad input, 130 on Ctrl-C; a bug shows its traceback."""
    try:
        act()
    except InputError as e:
        print(f"{program}: error: {' '.join(str(e).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: stopped; what was finished is saved, the same command resumes it", file=sys.stderr)
        return 130
    return 0


def print_notice(text: str) -> None:
    print(f"main.py: notice: {text}", file=sys.stderr)


def two_dashes(argv: Sequence[str]) -> list[str]:
    """Return the words with two dashes: the slides write `-app` for `--app`: a word behind one dash is an option too."""
    return [re.sub(r"^-(?=[a-z]\w+(=|$))", "--", word) for word in argv]


class Parser(argparse.ArgumentParser):
    """argparse whose errors are InputError, and with options that only keep a course's command line running."""

    ignored: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see: python {self.prog} --help)", rule="arguments")

    def without_effect(self, **options: JsonObject) -> None:
        group = self.add_argument_group("accepted, without effect")
        for name, how in options.items():
            group.add_argument(f"--{name}", default=argparse.SUPPRESS, **how)
        self.ignored = tuple(options)


def at_least(bound: float, kind: Callable[[str], float] = int) -> Callable[[str], float]:
    """Return an argparse type: a number of `kind`, at least `bound`."""

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
def in_the_courses_words(names: Mapping[str, str]) -> Iterator[None]:
    """Call the options in an InputError's message by the names that the course gives them: {ours: theirs}."""
    try:
        yield
    except InputError as e:
        message = str(e)
        for ours, theirs in names.items():
            message = re.sub(rf"{ours}\b", theirs, message)
        raise InputError(message, rule=e.rule) from None

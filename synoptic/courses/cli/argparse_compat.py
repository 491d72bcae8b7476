"""What the courses' command lines share: options as the courses write them, and one line for what is wrong."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

from synoptic.errors import InputError
from synoptic.runs.errors import last_words
from synoptic.utils.json_objects import JsonObject
from synoptic.utils.streams import discard_unprinted, error_stream, open_closed_streams


def exit_code(program: str, act: Callable[[], Sequence[str]]) -> int:
    """Run act(), print the lines that it returns, return the exit code; a bug shows its traceback.

    It is 0, 1 where the run failed, 2 with a line for bad input, 130 on Ctrl-C.
    """
    open_closed_streams()
    try:
        print("\n".join(act()), flush=True)
    except InputError as e:
        print(f"{program}: error: {' '.join(str(e).split())}", file=error_stream())
        return 2
    except KeyboardInterrupt:
        print(f"{program}: stopped; what was finished is saved, the same command resumes it", file=error_stream())
        return 130
    except BrokenPipeError:  # whoever read the lines went away
        return 1
    except Exception as e:
        text, code = last_words(e)
        print(f"{program}: {text}", file=error_stream())
        return code
    finally:
        discard_unprinted()
    return 0


def print_notice(text: str) -> None:
    print(f"main.py: notice: {text}", file=error_stream())


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

"""The command line: every command is an option dataclass, and what carries it out is imported when it is called."""

from __future__ import annotations

import io
import shlex
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

import synoptic
from synoptic.commands.help import ALL, APPLICATIONS, COMMANDS, FIRST_PAGE, TOOLS, description, examples
from synoptic.distributed import is_main_process
from synoptic.errors import InputError, printable
from synoptic.options import options_class, options_docstring
from synoptic.options.renamed import RENAMED, RENAMED_COMMANDS
from synoptic.runs.errors import RunFailed, last_words
from synoptic.utils.streams import discard_unprinted, error_stream, open_closed_streams

app = App(
    name="synoptic",
    help=ALL,
    version=synoptic.__version__,
    help_flags=("-h", "--help"),
    version_flags=("--version",),
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


for k, (title, names) in enumerate(COMMANDS.items()):
    section = Group(title, sort_key=k)
    for name in names:
        text = options_docstring(name.replace("-", "_"))
        path = f"synoptic.commands.call:{name}"  # imported when it is called
        app.command(path, name=name, group=section, help=description(text), help_epilogue=examples(text))


app.register_install_completion_command(help="Let the shell complete commands and options (bash, zsh, fish).")


def check_names(words: Sequence[str]) -> None:
    """Raise InputError on a command or option that is called otherwise now, with its new name."""
    if words[:1] and words[0] in RENAMED_COMMANDS:
        raise InputError(f"{words[0]} is called {RENAMED_COMMANDS[words[0]]} now: write that", rule="renamed-command")


def is_verbose(words: Sequence[str]) -> bool:
    """Return whether a command line asks for tracebacks, also where it is wrong otherwise."""
    options = words[: words.index("--")] if "--" in words else words
    return "-v" in options or "--verbose" in options


class Interrupted(KeyboardInterrupt):
    """The process was asked to end, by Ctrl-C or SIGTERM; its exit code.

    A class of ours: where a plain KeyboardInterrupt has passed through an ``exec`` of text, as dataclasses do, a Python
    that was started by ``-m`` ends by the signal itself, whoever caught it, and the exit code is lost.
    """

    code = 130


class Terminated(Interrupted):
    """The process was asked to end, by SIGTERM."""

    code = 143


def interrupt(number: int, _: object) -> None:
    """Raise what ends the command, at a signal."""
    raise Terminated if number == signal.SIGTERM else Interrupted


def main() -> None:
    """Exit with 0, 1 where a run failed, 2 for bad input, 130 on Ctrl-C, 143 on SIGTERM; a bug shows its traceback."""
    open_closed_streams()
    if not is_main_process():
        sys.stdout = io.StringIO()
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background ignores it
        signal.signal(signal.SIGINT, interrupt)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot print a character gets its number
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not is_verbose(sys.argv[1:]):
        warnings.formatwarning = lambda message, *_, **__: f"warning: {printable(message)}\n"
    code = 0
    try:
        check_names(sys.argv[1:])
        result = app(sys.argv[1:], exit_on_error=False, print_error=False) if sys.argv[1:] else FIRST_PAGE
        if result is not None:
            print(result)
        code = getattr(result, "exit_code", 0)  # of a batch, where jobs have failed
        sys.stdout.flush()
    except (InputError, CycloptsError) as e:
        if is_verbose(sys.argv[1:]):
            traceback.print_exc(file=error_stream())
        print("synoptic: error: " + printable(" ".join(message(e).split())), file=error_stream())
        code = 2
    except KeyboardInterrupt as e:
        print("synoptic: stopped; what was finished is saved, the same command resumes it", file=error_stream())
        code = e.code if isinstance(e, Interrupted) else 130
    except BrokenPipeError:  # whoever read the table went away
        code = 1
    except Exception as e:
        text, code = last_words(e)
        if is_verbose(sys.argv[1:]):
            traceback.print_exc(file=error_stream())
        if isinstance(e, RunFailed) and e.result is not None:
            import_module("synoptic.commands.call").close(e.result, verbose=is_verbose(sys.argv[1:]))
        print(f"synoptic: {text}", file=error_stream())
    finally:
        discard_unprinted()
    sys.exit(code)


def commands_with(flag: str) -> list[str]:
    """Return the commands that have an option."""
    names = [name for names in COMMANDS.values() for name in names]
    return [name for name in names if any(flag == spec.flag for spec in options_class(name.replace("-", "_")).specs())]


def dash_cure(error: Exception) -> str | None:
    """Return what to write in place of a file's name, or an option's value, that begins with a dash; None of others."""
    if isinstance(error, UnknownOptionError):
        word = error.token.keyword or error.token.value
        return (
            f"{word} is a file, but a word that begins with - is an option: write ./{word}" if Path(word).is_file() else None
        )
    if isinstance(error, MissingArgumentError):
        pairs = [(word, value) for word, value in pairwise(sys.argv[1:]) if word.startswith("--") and value.startswith("-")]
        word, value = next(((word, value) for word, value in pairs if f" {word} " in str(error)), ("", ""))
        return f"a value that begins with - is joined to its option: write {word}={shlex.quote(value)}" if word else None
    return None


def message(error: InputError | CycloptsError) -> str:
    """Return one line for a person: an option of an older version is answered with its new name."""
    cause = error.__cause__ if isinstance(error, CoercionError) else error
    if isinstance(cause, InputError):
        return str(cause)
    text = str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        takes_prompt = sys.argv[1] in APPLICATIONS
        cure = "put a prompt of several words in quotation marks" if takes_prompt else "omit it, or name its option"
        text = f"there is no place for {error.unused_tokens[0]!r}: {cure}"
    for word in sys.argv[1:]:
        old = word.partition("=")[0].removeprefix("--").replace("-", "_")
        if word.startswith("--") and old in RENAMED and f"--{old.replace('_', '-')}" in text:
            return f"--{old.replace('_', '-')} is called --{RENAMED[old].replace('_', '-')} now: write that"
    if (cure := dash_cure(error)) is not None:
        return cure
    known = [word for word in sys.argv[1:2] if word in (*APPLICATIONS, *TOOLS)]
    if known and isinstance(error, UnknownOptionError):
        flag = (error.token.keyword or error.token.value).partition("=")[0]
        if others := commands_with(flag):
            text = f"{known[0]} has no option {flag}, it belongs to {', '.join(others[:4])}{', …' * (len(others) > 4)}"
    return f"{text} (see: {' '.join(['synoptic', *known, '--help'])})"

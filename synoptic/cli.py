"""The command line: every command is an option dataclass, and what carries it out is imported when it is called."""

from __future__ import annotations

import inspect
import io
import signal
import sys
import traceback
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cyclopts import App, CoercionError, CycloptsError, Group, UnknownOptionError, UnusedCliTokensError

import synoptic
from synoptic.commands.base import tool_module
from synoptic.commands.help import ALL, COMMANDS, FIRST_PAGE, description, examples
from synoptic.commands.parameters import ENGINE, SHELL, is_verbose, signature
from synoptic.distributed import is_main_process
from synoptic.errors import InputError, NonFiniteError, printable
from synoptic.options import options_class
from synoptic.options.base import RENAMED, Options
from synoptic.options.batch import BatchOptions
from synoptic.options.grid import parse_axes, prepare_cells
from synoptic.runs.errors import RunFailed
from synoptic.runs.folders import check_folder, folder_of
from synoptic.utils.deferred_imports import collector_paused, defer_imports
from synoptic.utils.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    from synoptic.runs.grid_run import GridRun
    from synoptic.runs.manifest import Run

TOOLS = [name.replace("_", "-") for name in (*synoptic.TOOLS, "models", "embed", "views", "studio", "batch")]
APPLICATIONS = [name for names in COMMANDS.values() for name in names if name not in TOOLS]
RENAMED_COMMANDS = {"dream": "text-to-3d", "condition": "control-map", "train-control": "train-controlnet"}

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


def command(name: str) -> Callable[..., object]:
    """Return a command as a function of its options; it prepares them, then imports what carries them out."""
    options = options_class(name.replace("-", "_"))

    def call(*values: object, **named: Any) -> object:
        shell = {key: named.pop(key) for key in SHELL if key in named}
        engine = engine_of({key: named.pop(key) for key in ENGINE if key in named and name != "batch"})
        given = {key: value for key, value in named.items() if value is not MISSING}
        if axes := parse_axes(options, shell.get("grid", ())):
            if engine:
                raise InputError(
                    "a run takes --grid or --engine, both were given: write a file of jobs for synoptic batch",
                    rule="engine-grid",
                )
            cells = prepare_cells(options, axes, values, given)
            if shell.pop("dry_run", False):
                return plans(*cells)
            return close(import_module("synoptic.runs.grid").execute_grid(cells, axes), **shell)
        is_own_process = "torch" not in sys.modules  # not of a program that calls a command
        if is_own_process and name in APPLICATIONS and not given.get("compile"):
            defer_imports()
        prepared = options.from_arguments(*values, **given).prepare()
        if name == "evaluate":
            return tool_module("evaluate").execute(prepared, engine)
        if name in TOOLS:
            return tool_module(options.application()).execute(prepared)
        if shell.pop("dry_run", False):
            return plans(prepared)
        check_folder(prepared, folder_of(prepared))
        if engine:
            import_module("synoptic.jobs.spread").paint([prepared], engine)
        with collector_paused():
            carry_out = import_module("synoptic.runs.execute").carry_out
        return close(carry_out(prepared), **shell)

    call.__name__ = name
    setattr(call, "__signature__", signature(options, shell_of(name)))
    return call


def shell_of(name: str) -> list[inspect.Parameter]:
    """Return the parameters of a command that belong to the command line alone."""
    shell = SHELL if name in APPLICATIONS else {}
    return [*(shell | (ENGINE if name in (*APPLICATIONS, "evaluate") else {})).values()]


def engine_of(given: Mapping[str, Any]) -> BatchOptions | None:
    """Return the options of an engine that paints a run's pictures, where there is to be one. Raises InputError."""
    said = {name: value for name, value in given.items() if value is not None}
    if "engine" not in said:
        if said:
            raise InputError(f"--{min(said)} is for --engine: add --engine local, or omit it", rule="engine-missing")
        return None
    return BatchOptions.from_arguments("run", **said).prepare()


def plans(*prepared: Options) -> str:
    """Return what runs will take, in memory, steps and seconds."""
    make_plans = import_module("synoptic.runs.plan").make_plans
    return "\n\n".join(str(plan) for options in prepared for plan in make_plans(options))


def close(run: Run | GridRun, open: bool = False, verbose: bool = False, grid: object = ()) -> None:
    """Print the table of a run; and on the error stream what its numbers mean, what was kept, what to open."""
    print(run, flush=True)
    if is_main_process():
        closing = import_module("synoptic.runs.closing")
        print("\n".join(["", *closing.closing_lines(run, timings=verbose)]), file=sys.stderr)
        file = closing.main_file(run)
        if open and file and not webbrowser.open(file.resolve().as_uri()):
            print("no browser answers here: open it yourself", file=sys.stderr)


for k, (title, names) in enumerate(COMMANDS.items()):
    section = Group(title, sort_key=k)
    for name in names:
        text = options_class(name.replace("-", "_")).__doc__ or ""
        app.command(command(name), name=name, group=section, help=description(text), help_epilogue=examples(text))


app.register_install_completion_command(help="Let the shell complete commands and options (bash, zsh, fish).")


def check_names(words: Sequence[str]) -> None:
    """Raise InputError on a command or option that is called otherwise now, with its new name."""
    if words[:1] and words[0] in RENAMED_COMMANDS:
        raise InputError(f"{words[0]} is called {RENAMED_COMMANDS[words[0]]} now: write that", rule="renamed-command")


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by SIGTERM."""


def interrupt(*_: object) -> None:
    raise Terminated


def main() -> None:
    """Exit with 0, 1 where a run failed, 2 for bad input, 130 on Ctrl-C, 143 on SIGTERM; a bug shows its traceback."""
    if not is_main_process():
        sys.stdout = io.StringIO()
    signal.signal(signal.SIGTERM, interrupt)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot print a character gets its number
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
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
            traceback.print_exc()
        print("synoptic: error: " + printable(" ".join(message(e).split())), file=sys.stderr)
        code = 2
    except RunFailed as e:
        if e.result is not None:
            close(e.result, verbose=is_verbose(sys.argv[1:]))
        print(f"synoptic: {printable(e)}", file=sys.stderr)
        code = 1
    except NonFiniteError as e:
        print(f"synoptic: {printable(e)}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt as e:
        print("synoptic: stopped; what was finished is saved, the same command resumes it", file=sys.stderr)
        code = 143 if isinstance(e, Terminated) else 130
    except BrokenPipeError:  # whoever read the table went away
        code = 1
    except Exception as e:
        if not isinstance(e, OSError) and not is_out_of_memory(e):
            raise
        if is_verbose(sys.argv[1:]):
            traceback.print_exc()
        text, code = last_words(e)
        print(f"synoptic: {text}", file=sys.stderr)
    finally:
        discard_unprinted()
    sys.exit(code)


def last_words(error: Exception) -> tuple[str, int]:
    """Return the line that says why a command stopped, for want of memory or by the system, and its exit code."""
    if not is_out_of_memory(error):
        return f"{printable(error)}; what was finished is saved, the same command resumes it", 1
    if isinstance(error, ImportError):
        return "error: memory must hold the libraries, there is too little even for them: raise its limit (ulimit -v)", 2
    reason = f" ({printable(error)[:200]})" if str(error) else ""
    cure = "try a half --dtype, or less of --width, --height or --count"
    return f"memory has run out{reason}; what was finished is saved: {cure}", 1


def discard_unprinted() -> None:
    """Close a standard output that takes no more, so that the interpreter does not complain of it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = io.StringIO()


def commands_with(flag: str) -> list[str]:
    """Return the commands that have an option."""
    names = [name for names in COMMANDS.values() for name in names]
    return [name for name in names if any(flag == spec.flag for spec in options_class(name.replace("-", "_")).specs())]


def message(error: InputError | CycloptsError) -> str:
    """Return one line for a person: an option of an older version is answered with its new name."""
    cause = error.__cause__ if isinstance(error, CoercionError) else error
    if isinstance(cause, InputError):
        return str(cause)
    text = str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        text = f"there is no place for {error.unused_tokens[0]!r}: put a prompt of several words in quotation marks"
    for word in sys.argv[1:]:
        old = word.partition("=")[0].removeprefix("--").replace("-", "_")
        if word.startswith("--") and old in RENAMED and f"--{old.replace('_', '-')}" in text:
            return f"--{old.replace('_', '-')} is called --{RENAMED[old].replace('_', '-')} now: write that"
    known = [word for word in sys.argv[1:2] if word in (*APPLICATIONS, *TOOLS)]
    if known and isinstance(error, UnknownOptionError):
        flag = (error.token.keyword or error.token.value).partition("=")[0]
        if others := commands_with(flag):
            text = f"{known[0]} has no option {flag}, it belongs to {', '.join(others[:4])}{', …' * (len(others) > 4)}"
    return f"{text} (see: {' '.join(['synoptic', *known, '--help'])})"

"""A command as a function of its options: it prepares them, then imports what carries them out."""

from __future__ import annotations

import inspect
import sys
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from importlib import import_module
from typing import TYPE_CHECKING, Any

from synoptic.commands.base import tool_module
from synoptic.commands.help import APPLICATIONS, TOOLS
from synoptic.commands.parameters import ENGINE, SHELL, signature
from synoptic.distributed import is_main_process
from synoptic.errors import InputError
from synoptic.options import options_class
from synoptic.options.base import Options
from synoptic.options.batch import BatchOptions
from synoptic.options.grid import parse_axes, prepare_cells
from synoptic.runs.folders import check_folder, folder_of
from synoptic.utils.deferred_imports import collector_paused, defer_imports
from synoptic.utils.streams import error_stream

if TYPE_CHECKING:
    from synoptic.runs.grid import GridRun
    from synoptic.runs.manifest import Run


def __getattr__(name: str) -> Callable[..., object]:
    """Return the function of a command, under whose name it is imported when it is called."""
    if name not in (*APPLICATIONS, *TOOLS):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return command(name)


def command(name: str) -> Callable[..., object]:
    """Return a command as a function of its options."""
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
        if is_own_process and name in (*APPLICATIONS, "batch", "studio") and not given.get("compile"):
            defer_imports()
        prepared = options.from_arguments(*values, **given).prepare()
        if name == "evaluate":
            return tool_module("evaluate").execute(prepared, engine)
        if name in TOOLS:
            with collector_paused():
                tool = tool_module(options.application())
            return tool.execute(prepared)
        check_folder(prepared, folder_of(prepared))
        if shell.pop("dry_run", False):
            return plans(prepared)
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
    """Return what runs will take, in memory, steps and seconds; say on the error stream what they will warn of."""
    make_plans, warn = import_module("synoptic.runs.plan").make_plans, import_module("synoptic.runs.begin").warn
    text = "\n\n".join(str(plan) for options in prepared for plan in make_plans(options))
    warn(*(run for options in prepared for run in options.variants().values() or [options]))
    return text


def close(run: Run | GridRun, open: bool = False, verbose: bool = False, grid: object = ()) -> None:
    """Print the table of a run; and on the error stream what its numbers mean, what was kept, what to open."""
    print(run, flush=True)
    if is_main_process():
        closing = import_module("synoptic.runs.closing")
        print("\n".join(["", *closing.closing_lines(run, timings=verbose)]), file=error_stream())
        file = closing.main_file(run)
        if open and file and not webbrowser.open(file.resolve().as_uri()):
            print("no browser answers here: open it yourself", file=error_stream())

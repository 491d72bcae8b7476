"""The command line: every command is an option dataclass, and what carries it out is imported when it is called."""

from __future__ import annotations

import inspect
import io
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, get_origin

from cyclopts import App, CycloptsError, Group, Parameter

import synoptic
from synoptic.commands.base import tool_module
from synoptic.commands.help import ALL, COMMANDS, FIRST_PAGE, GROUPS, description, examples, group_of, place
from synoptic.distributed import is_main_process
from synoptic.errors import InputError, NonFiniteError, RunFailed
from synoptic.options import options_class
from synoptic.options.base import RENAMED, Options, OptionSpec, specs, split_list
from synoptic.runs.folders import check_folder, folder_of

if TYPE_CHECKING:
    from synoptic.runs.manifest import Run

TOOLS = [name.replace("_", "-") for name in (*synoptic.TOOLS, "models", "embed", "views")]
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


def command(name: str) -> Callable[..., Any]:
    """Return a command as a function of its options; it prepares them, then imports what carries them out."""
    options = options_class(name.replace("-", "_"))

    def call(*values: Any, **named: Any) -> Any:
        given = {key: value for key, value in named.items() if value is not MISSING}
        prepared = options.from_arguments(*values, **given).prepare()
        if name in TOOLS:
            return tool_module(options.application()).execute(prepared)
        check_folder(prepared, folder_of(prepared))
        close(import_module("synoptic.runs.execute").executor(options.application())(prepared))
        return None

    call.__name__ = name
    setattr(call, "__signature__", signature(options))
    return call


def close(run: Run) -> None:
    """Print the table of a run; and on the error stream what its numbers mean, what was kept, what to open."""
    print(run, flush=True)
    if is_main_process():
        print("\n".join(["", *import_module("synoptic.runs.closing").closing_lines(run)]), file=sys.stderr)


def signature(options: type[Options]) -> inspect.Signature:
    """Return the signature that cyclopts reads: positional options first, then the others, each with its help and group."""
    every = specs(options)
    groups = list(dict.fromkeys([*GROUPS, *(spec.group for spec in every)]))
    shown = {name: Group(name, sort_key=k) for k, name in enumerate(groups)}
    return inspect.Signature([parameter(spec, shown[group_of(spec)]) for spec in sorted(every, key=place)])


def parameter(spec: OptionSpec, group: Group) -> inspect.Parameter:
    """Return one option as cyclopts reads it."""
    P, details = inspect.Parameter, {"help": spec.option.help, "group": group}
    kind = str if spec.option.picture else spec.kind
    if spec.option.positional:
        style = P.VAR_POSITIONAL if spec.is_list else P.POSITIONAL_ONLY
        kind = str if spec.is_list else kind
        default = P.empty if spec.is_list or spec.default is MISSING else spec.default
        return P(spec.name, style, default=default, annotation=Annotated[kind, Parameter(**details)])
    details["show_default"] = shown_default if says_something(spec.default) else False
    if spec.is_list:
        details |= {"converter": listed(spec), "n_tokens": 1, "negative": (), "accepts_keys": False}
    required = spec.default is MISSING
    return P(
        spec.name,
        P.KEYWORD_ONLY,
        default=P.empty if required else spec.default,
        annotation=Annotated[kind, Parameter(name=spec.flag, **details)],
    )


def says_something(default: Any) -> bool:
    """Return whether a default is worth showing: not None, False, or an empty text or list."""
    return default is not None and default is not False and default not in ("", ())


def shown_default(value: Any) -> str:
    """Return a default as a person types it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def listed(spec: OptionSpec) -> Callable[..., Any]:
    """Return the converter of an option that is a list: values between commas, or the option again."""

    def convert(kind: Any, tokens: Sequence[Any]) -> tuple[Any, ...]:
        words = [word for token in tokens for word in (split_list(token.value) if spec.option.separator else [token.value])]
        item = next(a for a in (kind, *getattr(kind, "__args__", ())) if get_origin(a) is tuple).__args__[0]
        return tuple(number(spec, item, word) if item in (int, float) else word for word in words)

    return convert


def number(spec: OptionSpec, kind: type, word: str) -> Any:
    try:
        return kind(word)
    except ValueError:
        raise InputError(f"{spec.flag} takes numbers, {word!r} is none: correct it", rule=f"{spec.name}-type") from None


for k, (title, names) in enumerate(COMMANDS.items()):
    section = Group(title, sort_key=k)
    for name in names:
        text = options_class(name.replace("-", "_")).__doc__ or ""
        app.command(command(name), name=name, group=section, help=description(text), help_epilogue=examples(text))


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
    code = 0
    try:
        check_names(sys.argv[1:])
        result = app(sys.argv[1:], exit_on_error=False, print_error=False) if sys.argv[1:] else FIRST_PAGE
        if result is not None:
            print(result)
    except (InputError, CycloptsError) as e:
        print("synoptic: error: " + " ".join(message(e).split()), file=sys.stderr)
        code = 2
    except RunFailed as e:
        print(e.result)
        print(f"synoptic: {e}", file=sys.stderr)
        code = 1
    except NonFiniteError as e:
        print(f"synoptic: {e}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt as e:
        print("synoptic: stopped; what was finished is saved, the same command goes on from there", file=sys.stderr)
        code = 143 if isinstance(e, Terminated) else 130
    sys.exit(code)


def message(error: InputError | CycloptsError) -> str:
    """Return one line for a person: an option of an older version is answered with its new name."""
    if isinstance(error, InputError):
        return str(error)
    text = str(error)
    for word in sys.argv[1:]:
        old = word.partition("=")[0].removeprefix("--").replace("-", "_")
        if word.startswith("--") and old in RENAMED and f"--{old.replace('_', '-')}" in text:
            return f"--{old.replace('_', '-')} is called --{RENAMED[old].replace('_', '-')} now: write that"
    known = [word for word in sys.argv[1:2] if word in (*APPLICATIONS, *TOOLS)]
    return f"{text} (see: {' '.join(['synoptic', *known, '--help'])})"

"""Every command line in the documentation and in the help is one: names and options exist, and values are in range."""

from __future__ import annotations

import shlex
from functools import cache
from inspect import cleandoc

import pytest
from cyclopts import App

from synoptic import cli
from synoptic.commands.call import shell_of
from synoptic.commands.parameters import ENGINE, SHELL, signature
from synoptic.options import is_example, options_class
from synoptic.options.grid import parse_axes
from synoptic.options.renamed import RENAMED, RENAMED_COMMANDS
from tests.pages import PAGES, ROOT, commands

EVERY = [(page.name, line) for page in PAGES for line in commands(page)]


HELP = [
    ("help", line)
    for name in (*cli.APPLICATIONS, *cli.TOOLS)
    for part in cleandoc(options_class(name.replace("-", "_")).__doc__ or "").split("\n\n")
    if is_example(part)
    for line in part.split("\n")
]
LINES = EVERY + HELP


@cache
def parser(name: str) -> App:
    """The command of an application as its command line reads it: what it gives are its options."""
    options = options_class(name.replace("-", "_"))

    def read(*values, **named):
        shell = {key: named.pop(key) for key in (SHELL | ({} if name == "batch" else ENGINE)) if key in named}
        return options.from_arguments(*values, **named), parse_axes(options, shell.get("grid", ()))

    read.__signature__ = signature(options, shell_of(name))  # type: ignore[attr-defined]
    app = App(result_action="return_value")
    app.command(read, name=name)
    return app


@pytest.mark.parametrize(("where", "line"), LINES, ids=[f"{where}: {line[:60]}" for where, line in LINES])
def test_a_command_line_is_one(where, line):
    _, name, *words = shlex.split(line, comments=True)
    assert parser(name)([name, *words], exit_on_error=False, print_error=False)


def test_the_page_of_renames_has_every_old_option_and_only_modules_that_exist():
    lines = [line for line in (ROOT / "docs" / "renames.md").read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines]
    flags = {(f"--{old}".replace("_", "-"), f"--{new}".replace("_", "-")) for old, new in RENAMED.items()}
    assert flags <= {(row[1], row[-1]) for row in rows}
    assert {row[0]: row[1] for row in rows}.items() >= RENAMED_COMMANDS.items()
    modules = [row[-1].replace(".", "/") for row in rows if row[-1].startswith("synoptic.")]
    assert len(modules) > 100 and all((ROOT / m).is_dir() or (ROOT / f"{m}.py").is_file() for m in modules)


def test_there_is_something_to_read():
    assert len(HELP) >= len(cli.APPLICATIONS)
    assert len(EVERY) > 40 and {"README.md", "wide.md", "editing.md"} <= {page for page, _ in EVERY}

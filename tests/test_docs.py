"""Every command line in the documentation is one: its names and options exist, and its values are in range."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cyclopts import App

from synoptic import cli
from synoptic.commands.parameters import SHELL
from synoptic.options import options_class

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)


def commands(page: Path) -> list[str]:
    """The lines of a page's fenced blocks that call synoptic."""
    lines = [line for block in FENCED.findall(page.read_text().replace("\\\n", " ")) for line in block.splitlines()]
    return [line for line in lines if line.startswith("synoptic ") and "…" not in line]


EVERY = [(page.name, line) for page in PAGES for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), EVERY, ids=[f"{page}: {line[:60]}" for page, line in EVERY])
def test_a_command_line_is_one(page, line):
    _, name, *words = shlex.split(line, comments=True)
    options, found = options_class(name.replace("-", "_")), []

    def keep(*values, **named):
        own = {key: value for key, value in named.items() if key not in SHELL}
        found.append(options.from_arguments(*values, **own))

    keep.__signature__ = cli.signature(options, with_shell=name in cli.APPLICATIONS)  # type: ignore[attr-defined]
    app = App(result_action="return_value")
    app.command(keep, name=name)
    app([name, *words], exit_on_error=False, print_error=False)
    assert found


def test_there_is_something_to_read():
    assert len(EVERY) > 40 and {"README.md", "wide.md", "editing.md"} <= {page for page, _ in EVERY}

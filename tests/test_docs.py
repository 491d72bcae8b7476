"""Every command line in the documentation and in the help is one: names and options exist, and values are in range."""

from __future__ import annotations

import re
import shlex
from dataclasses import MISSING
from functools import cache
from inspect import cleandoc
from itertools import pairwise

import pytest
from cyclopts import App, CycloptsError

import synoptic
from synoptic import cli
from synoptic.commands.call import shell_of
from synoptic.commands.help import FIRST_PAGE
from synoptic.commands.parameters import ENGINE, SHELL, signature
from synoptic.distillation.loss_defaults import LATENT
from synoptic.errors import InputError
from synoptic.jobs.driver import ATTEMPTS, SHARING
from synoptic.models.families import FAMILIES
from synoptic.models.vocabulary import vocabulary
from synoptic.options import is_example, options_class
from synoptic.options.grid import MOST as MOST_CELLS
from synoptic.options.grid import parse_axes
from synoptic.options.panorama import PanoramaOptions
from synoptic.options.renamed import RENAMED, RENAMED_COMMANDS
from synoptic.options.texture import TextureOptions
from synoptic.studio.jobs import OWN_WAITING, WAITING
from synoptic.utils.image_formats import FORMATS
from tests.pages import FENCED, GUIDES, PAGES, ROOT, commands, name_of
from tests.reliability.test_command_lines import COMMANDS as FUZZED

EVERY = [(page.name, line) for page in PAGES for line in commands(page)]


HELP = [
    ("help", line)
    for name in (*cli.APPLICATIONS, *cli.TOOLS)
    for part in cleandoc(options_class(name.replace("-", "_")).__doc__ or "").split("\n\n")
    if is_example(part)
    for line in part.split("\n")
]
LINES = EVERY + HELP
OTHERS = {  # options of other programs
    ("CONTRIBUTING.md", "--help"),
    ("docs/compare.md", "--cpu"),
}
SPANS = sorted(
    {
        (name_of(page), " ".join(span.split()))
        for page in GUIDES
        for span in re.findall(r"`((?:--|synoptic )[^`]+)`", FENCED.sub("", page.read_text()))
    }
    - OTHERS
)
TYPED = sorted({span for _, span in SPANS if span.startswith("--")})
NAMED = {span.split()[1] for _, span in SPANS if span.startswith("synoptic ")}
COMMANDS = (*cli.APPLICATIONS, *cli.TOOLS)


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


def flags_of(name: str) -> set[str]:
    """The options of a command as they are typed, with those of the command line alone."""
    own = [spec.flag for spec in options_class(name.replace("-", "_")).specs() if not spec.option.positional]
    shell = [f"--{key.replace('_', '-')}" for key in (*SHELL, *ENGINE)] if name in cli.APPLICATIONS else []
    return {*own, *shell}


def takes(name: str, words: list[str]) -> bool:
    """Return whether a command has these options, and takes their values; one in capitals stands for any."""
    known = flags_of(name)
    if not {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {f"--no-{f[2:]}" for f in known}:
        return False
    specs = options_class(name.replace("-", "_")).specs()
    needed = [spec.flag for spec in specs if spec.default is MISSING]
    given = [f"{flag}=x" if flag.startswith("--") else flag for flag in needed]
    for word, following in pairwise([*words, "--"]):
        if word.startswith("--") and not re.search("[A-Z…]", following):
            given += [word] if "=" in word else [] if following.startswith("--") else [word, following]
    try:
        parser(name)([name, *given], exit_on_error=False, print_error=False)
    except (CycloptsError, InputError):
        return False
    return True


@pytest.mark.parametrize("span", TYPED)
def test_options_within_a_sentence_are_written_as_they_are_typed(span):
    words = shlex.split(span)
    assert all(before.startswith("--") or word.startswith("--") for before, word in pairwise(words)), "one value each"
    assert any(takes(name, words) for name in COMMANDS)


def test_commands_within_a_sentence_exist():
    assert NAMED - {*COMMANDS} == {"COMMAND", "--help", "--install-completion", "1"}  # the last is a worker of Ray's


def test_every_command_and_option_is_on_a_page():
    text = "\n".join(page.read_text() for page in GUIDES)
    words = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
    lacking = [name for name in COMMANDS if f"synoptic {name}" not in text]
    lacking += [f"{name} {flag}" for name in COMMANDS for flag in flags_of(name) if not words & {flag, f"--no-{flag[2:]}"}]
    assert lacking == []


def test_the_page_of_renames_has_every_old_option_and_only_modules_that_exist():
    lines = [line for line in (ROOT / "docs" / "renames.md").read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines]
    flags = {(f"--{old}".replace("_", "-"), f"--{new}".replace("_", "-")) for old, new in RENAMED.items()}
    assert flags <= {(row[1], row[-1]) for row in rows}
    assert {row[0]: row[1] for row in rows}.items() >= RENAMED_COMMANDS.items()
    modules = [row[-1].replace(".", "/") for row in rows if row[-1].startswith("synoptic.")]
    assert len(modules) > 100 and all((ROOT / m).is_dir() or (ROOT / f"{m}.py").is_file() for m in modules)


NUMBERS = {5: "five", 8: "eight", 10: "ten", 12: "twelve", 14: "fourteen", 15: "fifteen", 16: "sixteen", 20: "twenty"}
KNOWN = vocabulary()
COUNTS = {  # what pages count -> by the code
    "docs/prompts.md: {} words": len(KNOWN["words"]),
    "docs/models.md: their words ({}:": len(KNOWN["words"]),
    "docs/prompts.md: know {} things from all sides": len(KNOWN["prompts"]["3D objects"]),
    "docs/prompts.md: in {} colors": len(KNOWN["prompts"]["colors"]),
    "docs/text-to-3d.md: know {} things from all sides": len(KNOWN["prompts"]["3D objects"]),
    "docs/text-to-3d.md: in {} colors": len(KNOWN["prompts"]["colors"]),
    "docs/texture.md: learned such words of {} things": len(KNOWN["prompts"]["3D objects"]),
    "docs/texture.md: (at most `--num-views`, {} by default)": TextureOptions.num_views,
    "docs/panorama.md: `--num-views` ({})": PanoramaOptions.num_views,
    "docs/compare.md: | distillation losses | {} |": len(LATENT),
    "docs/compare.md: | model families | {}, image only |": len(FAMILIES),
    "docs/runs.md: at most {} cells": MOST_CELLS,
    "docs/batch.md: {} at most, as many": SHARING,
    "docs/batch.md: given to another one, {} times": ATTEMPTS,
    "docs/studio.md: {} jobs,": WAITING,
    "docs/studio.md: {} of one browser": OWN_WAITING,
    "docs/studio.md: in {} formats": len(FORMATS),
    "docs/reliability.md: {} random command lines and calls": 100 * (len(FUZZED) + len(synoptic.APPLICATIONS)),
    "docs/start.md: {} commands to begin with": FIRST_PAGE.count("  synoptic "),
    "README.md: shows {} commands to start with": FIRST_PAGE.count("  synoptic "),
}


@pytest.mark.parametrize("said", COUNTS)
def test_what_a_page_counts_is_counted_in_the_code(said):
    page, _, phrase = said.partition(": ")
    text = " ".join((ROOT / page).read_text().split())
    assert any(phrase.format(number) in text for number in (f"{COUNTS[said]:,}", NUMBERS.get(COUNTS[said])))


def test_there_is_something_to_read():
    assert len(HELP) >= len(cli.APPLICATIONS)
    assert len(EVERY) > 40 and {"README.md", "wide.md", "editing.md"} <= {page for page, _ in EVERY}

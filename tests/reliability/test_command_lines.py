"""Random command lines and calls over every option of every command: done or one line, never a traceback."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import synoptic
from synoptic import cli
from synoptic.errors import InputError
from synoptic.options import options_class
from tests.reliability.hostile import amount, hostile_files, hostile_value, hostile_word

COMMANDS = [*cli.APPLICATIONS, *(name for name in cli.TOOLS if name != "bench")]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    return hostile_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def checked(monkeypatch, tmp_path) -> Path:
    """Commands are checked and not carried out, in an empty folder of their own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("synoptic.runs.execute.executor", lambda application: lambda options: None)
    monkeypatch.setattr("synoptic.commands.call.close", lambda run, **shell: None)
    tool = type("Tool", (), {"execute": staticmethod(lambda o: None)})
    monkeypatch.setattr("synoptic.commands.call.tool_module", lambda name: tool)
    return folder


def words_of(command: str, files: list[str], rng: random.Random) -> list[str]:
    """Return a random command line: some positional values, then some options."""
    specs = options_class(command.replace("-", "_")).specs()
    words = [command]
    for spec in (s for s in specs if s.option.positional):
        words += [hostile_word(spec, files, rng) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    named = [s for s in specs if not s.option.positional]
    for spec in rng.sample(named, min(len(named), rng.randint(0, 6))):
        if spec.kind is bool:
            words.append(rng.choice((spec.flag, f"--no-{spec.flag[2:]}")))
        else:
            word = hostile_word(spec, files, rng)
            words += [f"{spec.flag}={word}"] if rng.random() < 0.5 else [spec.flag, word]
    return words


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_line_is_done_or_answered_in_one_line(command, files, checked, monkeypatch, capsys):
    rng = random.Random(command)
    codes, faults = [], []
    for _ in range(amount(100)):
        words = words_of(command, files, rng)
        monkeypatch.setattr(sys, "argv", ["synoptic", *words])
        fault = ""
        try:
            cli.main()
        except SystemExit as e:
            codes.append(e.code)
            errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning: ")]
            if e.code not in (0, 2) or len(errors) != (1 if e.code else 0):
                fault = f"exit {e.code}, {len(errors)} lines: {errors[:1]}"
        except Exception as e:
            fault = repr(e)
        left = [p.name for p in checked.iterdir()]
        if fault or (left and codes[-1:] == [2]):  # a refused command leaves nothing
            faults.append(f"{[word[:60] for word in words]}: {fault[:300]} {left[:3]}")
            for path in left:
                (shutil.rmtree if (checked / path).is_dir() else os.unlink)(checked / path)
    assert not faults, "\n".join(faults)
    assert 2 in codes or command == "models"  # which takes no option


@pytest.mark.slow
@pytest.mark.parametrize("application", synoptic.APPLICATIONS)
def test_a_call_is_done_or_an_input_error(application, files, checked):
    rng = random.Random(application)
    options, faults = options_class(application), []
    for _ in range(amount(100)):
        specs = rng.sample(options.specs(), min(len(options.specs()), rng.randint(1, 5)))
        given: dict[str, Any] = {spec.name: hostile_value(spec, files, rng) for spec in specs}
        try:
            options.from_arguments(**given).prepare()
        except InputError as e:
            if not e.rule or "\n" in str(e):
                faults.append(f"{str(given)[:300]}: {str(e)[:200]!r}")
        except Exception as e:
            faults.append(f"{str(given)[:300]}: {str(e)[:200]!r}")
    assert not faults, "\n".join(faults)

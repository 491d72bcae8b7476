"""What a picture carries inside, and the command that makes it again. A file's words are shown, and never trusted."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import synoptic
from synoptic.errors import InputError, user_path
from synoptic.io import read_settings
from synoptic.io.images import read_texts
from synoptic.io.parameters import PARAMETERS_KEY
from synoptic.options import options_class
from synoptic.options.grid import parse_axes
from synoptic.options.info import InfoOptions
from synoptic.runs.folders import MANIFEST, earlier
from synoptic.utils.json_objects import JsonObject

KNOWN = (*synoptic.APPLICATIONS, "control_map")


@dataclass(frozen=True)
class Info:
    """The settings inside a picture, flat; the command that makes it again, "" where there is none: then why."""

    settings: JsonObject
    command: str
    problem: str = ""

    def __str__(self) -> str:
        shown = {name: printable(words(value)) for name, value in self.settings.items() if value not in (None, "", [], {})}
        width = max(map(len, shown), default=0)
        last = f"made again by\n  {printable(self.command)}" if self.command else f"no command: {printable(self.problem)}"
        return "\n".join([*(f"{name:<{width}}  {value}" for name, value in shown.items()), "", last])


def execute(options: InfoOptions) -> Info:
    """Read the settings. Raises InputError where the file is no picture, or carries none."""
    file = user_path(options.picture)
    try:
        found, text = read_settings(file), read_texts(file).get(PARAMETERS_KEY, "")
    except OSError as e:
        reason = e.strerror or "its content is none"
        raise InputError(f"a picture is needed, {file} is none ({reason}): choose a PNG", rule="picture-type") from None
    if not found:
        if text:
            return Info({PARAMETERS_KEY: text}, "", "another program made it")
        raise InputError(
            f"a picture that carries its settings is needed, {file} carries none: choose a PNG as synoptic wrote it",
            rule="picture-no-settings",
        )
    found = of_run(file, found) if "options" not in found else found
    inside = found.get("options")
    inside = inside if isinstance(inside, dict) else {}
    own = {name: value for name, value in found.items() if name not in ("options", "command", "model")}
    flat = own | {name: value for name, value in inside.items() if name not in own}
    try:
        program, name, *rest = command_of(found.get("application"), inside).split(" ", 2)
        return Info(flat, " ".join([program, name, *grid_of(found), *rest]))
    except InputError as e:
        return Info(flat, "", str(e))


def of_run(file: Path, found: JsonObject) -> JsonObject:
    """Return the settings of a map, a view or a step: those of the run in whose folder it lies."""
    for folder in list(file.resolve().parents)[:4]:
        if (folder / MANIFEST).exists() and (manifest := earlier(folder)):
            return {**found, **{name: manifest.get(name) for name in ("application", "options")}}
    return dict(found)


def command_of(application: object, recorded: JsonObject) -> str:
    """Return the command line of recorded options, built from those that are options and have a valid value."""
    if application not in KNOWN:
        raise InputError("it is no result of a command that can be repeated", rule="application-unknown")
    options = options_class(application)
    names = {spec.name for spec in options.specs()}
    return options.from_arguments(**{name: value for name, value in recorded.items() if name in names}).command()


def grid_of(found: JsonObject) -> list[str]:
    """Return the --grid of a figure's command. Raises InputError where it is none."""
    axes = found.get("grid", [])
    axes = axes if isinstance(axes, list) and all(isinstance(axis, str) for axis in axes) else ["?"]
    return [shlex.join(["--grid", str(axis)]) for axis in parse_axes(options_class(found["application"]), axes)]


def words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor or color it."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)

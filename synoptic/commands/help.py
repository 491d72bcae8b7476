"""What help says, in which order: a first page, commands in groups, usual options first, examples at the end."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import TYPE_CHECKING

import synoptic
from synoptic.options import is_example

if TYPE_CHECKING:
    from synoptic.options.option import OptionSpec

SUMMARY = "Make a pretrained image diffusion model produce what it was never trained for."
FIRST_PAGE = f"""{SUMMARY}
It runs offline, on small models that come with it. Five commands to start with:

  synoptic wide "a photo of snowy mountains at sunrise"
      a picture six times as wide as high
  synoptic anagram "a lion" "a sunflower"
      one picture: a lion, and turned clockwise a sunflower
  synoptic generate "an oil painting of a horse" --count 4
      four pictures, and all of them on one sheet
  synoptic edit photo.jpg "a watercolor of a lake"
      a picture of yours, changed
  synoptic text-to-3d "a yellow house"
      an object to turn in the browser (takes minutes)

synoptic --help           lists every command
synoptic COMMAND --help   explains one, with its usual options first
synoptic models           lists models, and the words that the bundled ones know"""
ALL = f"{SUMMARY}\n\nWhere to start: synoptic, with nothing behind it, shows five commands."


def typed(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of Python as a command line has them."""
    return tuple(name.replace("_", "-") for name in names)


COMMANDS = {
    "Make pictures and objects from words": typed(synoptic.FROM_WORDS),
    "Change a picture": typed(synoptic.OF_A_PICTURE),
    "In the browser": ("studio",),
    "Many runs": ("batch",),
    "Study a model": (*typed(synoptic.STUDIES), "train-controlnet"),
    "Look and measure": ("info", "score", "evaluate", "models", "views", "bench"),
    "Prepare and convert": ("control-map", "video", "embed"),
}
TOOLS = [*typed(synoptic.TOOLS), "models", "embed", "views", "studio", "batch"]
APPLICATIONS = [name for names in COMMANDS.values() for name in names if name not in TOOLS]
COLUMNS = 74  # of an example, which is indented
USUAL = "Usual options"
USUAL_OPTIONS = (
    "width",
    "height",
    "size",
    "views",
    "condition",
    "mask",
    "start",
    "strength",
    "loss",
    "model",
    "seed",
    "count",
    "steps",
    "guidance_scale",
    "negative_prompt",
    "out",
    "open",
)
GROUPS = ("Input", USUAL, "Options", "Canvas", "Views", "Sampling")  # which come first


def is_usual(spec: OptionSpec) -> bool:
    """Return whether an option is among those that most people need; a ControlNet's is where it is the application's own."""
    return spec.name in USUAL_OPTIONS and not spec.option.positional and spec.group != "ControlNet"


def group_of(spec: OptionSpec) -> str:
    """Return the heading under which an option stands."""
    return USUAL if is_usual(spec) else spec.group


def place(spec: OptionSpec) -> tuple[bool, bool, int]:
    """Return where an option stands: single positional ones, a list of them, usual options in their order, the others."""
    usual = USUAL_OPTIONS.index(spec.name) if is_usual(spec) else len(USUAL_OPTIONS)
    return not spec.option.positional, spec.is_list and spec.option.positional, usual


def description(text: str) -> str:
    """Return a command's help without its examples, a line per paragraph: the terminal's width breaks it."""
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(text).split("\n\n") if not is_example(part))


def examples(text: str) -> str:
    """Return the command lines of a command's help under a heading."""
    (lines,) = [part.split("\n") for part in cleandoc(text).split("\n\n") if is_example(part)]
    return "\n".join(["Examples:", *(f"  {broken(line)}" for line in lines)])


def broken(command: str) -> str:
    """Return a command line, broken before an option as a shell reads it where it is longer than a terminal is wide."""
    at = command.rfind(" --", 0, COLUMNS)
    return f"{command[:at]} \\\n     {broken(command[at:])}" if len(command) > COLUMNS and at > 0 else command

"""The command line, derived from the recipes' signatures: a parameter before the `*` is an argument, the rest options."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_type_hints

import typer

import synoptic
from synoptic.commands.bench import bench
from synoptic.commands.control_map import condition
from synoptic.commands.embed import embed
from synoptic.commands.models import models
from synoptic.commands.score import score
from synoptic.commands.video import video
from synoptic.commands.views import views
from synoptic.courses.evaluate import evaluate
from synoptic.distributed import is_main_process
from synoptic.errors import InputError
from synoptic.options.text_to_3d import OptimizationFailed
from synoptic.pipelines.anagram import anagram
from synoptic.pipelines.control import control
from synoptic.pipelines.denoise import denoise
from synoptic.pipelines.distill import distill
from synoptic.pipelines.edit import edit
from synoptic.pipelines.generate import generate
from synoptic.pipelines.hybrid import hybrid
from synoptic.pipelines.inpaint import inpaint
from synoptic.pipelines.invert import invert
from synoptic.pipelines.text_to_3d import dream
from synoptic.pipelines.train_controlnet import train_control
from synoptic.pipelines.wide import wide

app = typer.Typer(
    name="synoptic",
    help="Make a pretrained image diffusion model produce what it was never trained for. Runs offline on bundled models.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(synoptic.__version__)
        raise typer.Exit


def command(recipe: Callable[..., Any]) -> Callable[..., None]:
    """A recipe as a typer command: the same parameters, each Annotated text its help; prints what the recipe returns."""

    def run(**arguments: Any) -> None:
        print(recipe(**arguments))

    hints = get_type_hints(recipe, include_extras=True)
    parameters = []
    for p in inspect.signature(recipe).parameters.values():
        kind, text = get_args(hints[p.name])
        kind = list[str] if kind == str | list[str] else kind
        positional = p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        info = typer.Argument(help=text) if positional else typer.Option(help=text)
        parameters.append(p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, info]))
    setattr(run, "__signature__", inspect.Signature(parameters))
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__, run.__name__ = recipe.__doc__, recipe.__name__
    return run


def name_of(recipe: Callable[..., Any]) -> str:
    return recipe.__name__.replace("_", "-")


RECIPES = (
    generate,
    wide,
    anagram,
    hybrid,
    edit,
    inpaint,
    invert,
    control,
    condition,
    train_control,
    denoise,
    distill,
    dream,
    score,
    evaluate,
    views,
    video,
    bench,
)
for recipe in RECIPES:
    app.command(name_of(recipe))(command(recipe))

shelf = typer.Typer(help=models.__doc__)
shelf.command("embed")(command(embed))
app.add_typer(shelf, name="models")


@shelf.callback(invoke_without_command=True)
def listing(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(models())


def lists(recipe: Callable[..., Any]) -> set[str]:
    """The options of a recipe that take several words."""
    hints, parameters = get_type_hints(recipe), inspect.signature(recipe).parameters.values()
    options = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY and "list[" in str(hints[p.name])]
    return {f"--{name.replace('_', '-')}" for name in options}


def spread(argv: Sequence[str]) -> list[str]:
    """`--views a b` as typer reads it, `--views a --views b`: a list's words go on to the next option."""
    several = next((lists(recipe) for recipe in RECIPES if argv[:1] == [name_of(recipe)]), set())
    words, option = [], ""
    for word, after in zip(argv, [*argv[1:], "--"], strict=True):
        if word.startswith("--"):
            option = word if word in several else ""
            if option and after.startswith("--"):
                raise InputError(f"{option} takes one word or more, none was given: name them after it, or leave it out")
            words += [] if option else [word]
        else:
            words += [option, word] if option else [word]
    return words


def main() -> None:
    """Exit code 0, 1 where a dream is not well, 2 with one line for bad input, 130 on Ctrl-C; a bug shows its traceback."""
    if not is_main_process():
        sys.stdout = io.StringIO()
    try:
        code = app(spread(sys.argv[1:]), standalone_mode=False)
    except (InputError, typer.TyperException) as e:
        message = f"{e.format_message()} (see: synoptic --help)" if isinstance(e, typer.TyperException) else str(e)
        print("synoptic: error: " + " ".join(message.split()), file=sys.stderr)
        code = 2
    except OptimizationFailed as e:
        print(e.result)
        print(f"synoptic: {e}", file=sys.stderr)
        code = 1
    except (KeyboardInterrupt, typer.Abort):
        print("synoptic: stopped; what was finished is saved, the same command goes on from there", file=sys.stderr)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)

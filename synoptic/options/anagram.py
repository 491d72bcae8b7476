"""The options of `anagram`: one picture that is another when looked at another way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.errors import InputError, check_installed, install_command
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.joint import JointModel, JointOptions, SyncOptions
from synoptic.options.option import Option
from synoptic.utils.counted import counted
from synoptic.views.equal_views import equal_views
from synoptic.views.registry import FAILURES, is_of_colors, parse_view, side_multiple


@dataclass(frozen=True, kw_only=True)
class AnagramViewOptions(JointOptions):
    """The views of an anagram, and the prompt of each."""

    GROUP = "Views"

    prompt: Annotated[
        tuple[str, ...], Option("what each view shows, in the order of --views", positional=True, separator="")
    ]
    views: Annotated[
        tuple[str, ...],
        Option("identity, rotate_cw, flip, jigsaw, rotate_cw+negate, a permutation's .npy or .json file: `synoptic views`"),
    ] = ("identity", "rotate_cw")
    weights: Annotated[tuple[float, ...], Option("weight of each view (default: all the same)", above=0)] = ()

    def named_files(self) -> dict[str, list[str]]:
        return super().named_files() | {"views": [part for view in self.views for part in view.split("+")]}

    def warnings(self) -> list[str]:
        kinds = [part.kind for name in self.views for part in parse_view(name)]
        failing = [
            f"{kind} cannot work ({FAILURES[kind].summary}): synoptic views {kind}" for kind in kinds if kind in FAILURES
        ]
        pairs = equal_views(self.views, self.prompt)
        same = [f"{one} and {other} are the same view, which shows a mixture of two prompts" for one, other in pairs]
        return [*super().warnings(), *failing, *same]

    def resolve(self, checkpoint: Checkpoint) -> Self:
        count = len(self.views)
        if count < 2 or len(self.prompt) != count:
            raise InputError(
                f"an anagram needs a prompt for each view, two or more; {counted(len(self.prompt), 'prompt')} and"
                f" {counted(count, 'view')} were given ({', '.join(self.views)}): match --views",
                rule="prompts-views",
            )
        if self.weights and len(self.weights) != count:
            raise InputError(
                f"--weights are one number for each of {counted(count, 'view')}, {len(self.weights)} were given:"
                " correct them",
                rule="weights-views",
            )
        side = checkpoint.native_size if self.view_space == "pixels" else checkpoint.side
        for name in self.views:
            if side % side_multiple(name):
                raise InputError(
                    f"the view {name} needs a side that {side_multiple(name)} divides, {checkpoint.name} has {side}:"
                    " change it",
                    rule="view-side",
                )
            if checkpoint.factor > 1 and self.view_space == "latents" and is_of_colors(name):
                raise InputError(
                    f"the view {name} is of colors, --view-space latents of {checkpoint.name} has none: omit it",
                    rule="view-colors",
                )
        return super().resolve(checkpoint)


@dataclass(frozen=True, kw_only=True)
class AnagramOptions(AnagramViewOptions, SyncOptions):
    """Generate one picture that shows another prompt in each of its views: turned, flipped, rearranged.

    synoptic anagram "a lion" "a sunflower" --views identity,rotate_cw --style "a lithograph of" --seed-search 16 --animate
    """

    GROUP = "Views"

    model: JointModel = "bundled"
    animate: Annotated[
        bool, Option("also make films of the picture turning from view to view and back (needs PyAV)", recorded=False)
    ] = False

    blend: Annotated[
        Literal["mean", "pyramid"],
        Option("of latent models: views meet as their mean, or detail by detail, the stronger prevailing (LookingGlass)"),
    ] = "mean"
    step_repeats: Annotated[
        int,
        Option(
            "of latent models: how often the middle steps are taken, so that the views agree (LookingGlass: 5)", at_least=1
        ),
    ] = 1
    first_alone: Annotated[
        float,
        Option(
            "of latent models: share of the steps, the last ones, that the first view takes alone (LookingGlass: 0.2)",
            at_least=0,
            at_most=0.8,
        ),
    ] = 0.0

    def whole_network_reason(self) -> str:
        if self.step_repeats > 1 or self.first_alone:
            return "--step-repeats and --first-alone ask it about other views in between"
        return super().whole_network_reason()

    def resolve(self, checkpoint: Checkpoint) -> Self:
        asked = {
            "--blend": self.blend == "pyramid",
            "--step-repeats": self.step_repeats > 1,
            "--first-alone": self.first_alone,
        }
        if not self.has_views_in_pixels(checkpoint) and (given := [name for name, value in asked.items() if value]):
            raise InputError(
                f"{given[0]} is of latent models whose views are of pictures, each with noise of its own;"
                f" {checkpoint.name} with --view-space {self.view_space} was given: omit it, or use --model bundled",
                rule="looking-glass",
            )
        if self.animate:
            check_installed("av", "--animate needs PyAV", install_command("video"))
        return super().resolve(checkpoint)

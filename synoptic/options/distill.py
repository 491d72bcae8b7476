"""The options of `distill`: a picture made, or edited, by following a model's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from synoptic.distillation.loss_defaults import LossName, loss_defaults, losses_that_take, native_space
from synoptic.errors import InputError, check_at_least, check_at_most, check_multiple
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.distillation import MOST_STEPS, DistillationOptions
from synoptic.options.input_image import working_size
from synoptic.options.option import UNSET, Option
from synoptic.options.output import OutputOptions
from synoptic.options.prompts import PromptOptions
from synoptic.options.sampling import MOST_PIXELS, Count, Seed
from synoptic.utils.picture import PictureSource, read_picture

STEPS = 500
GENERATED = ("auto", "noise", "sketch")  # values of --init that are no file


@dataclass(frozen=True, kw_only=True)
class DistillOptions(PromptOptions, DistillationOptions, OutputOptions):
    """Make a picture, or edit one, by following a model's score instead of sampling: one small step of AdamW at a time.

    All prompts are one batch. While it runs, preview.png in the run's folder is the first picture as it is; a killed run
    resumes, on a CPU to the bit.

    synoptic distill "a photo of a horse" "a photo of a lemon" --loss sds --trace
    synoptic distill --source car.png --source-prompt "a photo of a red car" "a photo of a blue car" --loss pds
    """

    loss: Annotated[
        Literal["auto", LossName],
        Option("what is followed: pds and dds edit --source, the others make a picture (auto: sds, or pds with --source)"),
    ] = "auto"
    source: Annotated[PictureSource | None, Option("the picture to edit: a PNG, JPEG, WebP, … file", picture=True)] = None
    source_prompt: Annotated[str, Option("what --source shows, in words")] = ""
    perp_neg: Annotated[
        bool, Option("take from the guidance only what --negative-prompt does not share with the prompt (Perp-Neg)")
    ] = False
    steps: Annotated[int, Option("steps of the optimization", at_least=1, at_most=MOST_STEPS)] = STEPS
    warm_up: Annotated[
        int, Option("steps from rate 0 to the peak, then a cosine (default: a fifth of the steps)", at_least=0)
    ] = UNSET
    horizon: Annotated[
        float,
        Option(
            "the rate's cosine reaches 0 after so many times the steps (default: 1.5, of bundled vsd 1; 1: at the last)",
            at_least=1,
            at_most=1000,
        ),
    ] = UNSET
    student_steps: Annotated[
        int, Option("of vsd: the student's steps to each of the picture's (default: 1)", at_least=1)
    ] = UNSET
    weight: Annotated[
        Literal["auto", "one", "variance", "fantasia", "velocity"],
        Option(
            f"w(t) of {', '.join(losses_that_take('weight'))}: one 1, variance σ² = 1-ᾱ, fantasia ασ² = √ᾱ(1-ᾱ),"
            " velocity 1/α (flows)"
        ),
    ] = "auto"
    anneal: Annotated[
        Literal["auto", "none", "narrow", "linear", "sqrt", "alternate"],
        Option(
            "times: none: drawn from all; narrow: below an end that falls to 500; linear, sqrt: not drawn, they fall to the"
            " least; alternate: as sqrt, in turn with noisier ones"
        ),
    ] = "auto"
    stride: Annotated[
        int,
        Option(
            "of pds, between its two times: the larger, the more of the source is kept; 1 is a re-weighted dds", at_least=1
        ),
    ] = 2
    init: Annotated[
        PictureSource,
        Option(
            "auto (noise, or --source), noise, sketch (the prompt in 10 steps, from --source if given), or a picture's file",
            picture=True,
        ),
    ] = "auto"
    space: Annotated[
        Literal["auto", "latent", "pixels"], Option("what is optimized; pixels of a latent model pass its encoder")
    ] = "auto"
    size: Annotated[
        int,
        Option("resize --source first, its shorter side to so many pixels (default: only if smaller than the model's)"),
    ] = UNSET
    width: Annotated[
        int,
        Option(
            "pixels, at least the model's own (default); larger canvases are seen in windows",
            at_least=1,
            at_most=MOST_PIXELS,
        ),
    ] = UNSET
    height: Annotated[int, Option("pixels, at least the model's own (default)", at_least=1, at_most=MOST_PIXELS)] = UNSET
    seed: Seed = 0
    count: Count = 1
    save_every: Annotated[
        int,
        Option(
            "also save the pictures after every so many steps: steps/NAME/25.png, …; 0: none", at_least=0, recorded=False
        ),
    ] = 0

    def texts(self) -> list[str]:
        return [*self.prompt, self.negative_prompt, *([self.source_prompt] if self.source is not None else [])]

    def item_seeds(self) -> Sequence[int]:
        return range(self.seed, self.seed + self.count)

    def resolve(self, checkpoint: Checkpoint) -> Self:
        self = super().resolve(checkpoint)
        native = native_space(checkpoint)
        if self.space == "latent" and native == "pixels":
            raise InputError(
                f"--space latent needs a latent model, {checkpoint.name} has pixels: omit it, or use --model bundled",
                rule="space-latent",
            )
        loss = "sds" if self.source is None else "pds"
        self = self.filled(loss=loss, space=native, warm_up=self.steps // 5)
        self.check_options_of_loss()
        usual = loss_defaults(checkpoint, self.loss, self.space)
        self = self.filled(**usual.options())
        if "student" in usual.takes or self.space != native:  # gradients pass through the network
            self = self.filled(dtype="float32")
        self.check_times(checkpoint)
        most = max(0, int(self.horizon * self.steps) - 1)
        check_at_most("--warm-up, of that many --steps,", self.warm_up, most)
        if self.source is None:
            return self.filled(init="noise").with_canvas(checkpoint)
        return replace(self, size=min(working_size(checkpoint, read_picture(self.source).size, self.size)))

    @property
    def sees_negative_unguided(self) -> bool:
        return super().sees_negative_unguided or self.init == "sketch"  # which is guided by a scale of its own

    def check_options_of_loss(self) -> None:
        """Raise InputError where options do not go with the loss."""
        editing, weighted, edits = losses_that_take("source"), losses_that_take("weight"), self.source is not None
        if edits != (self.loss in editing):
            cure = f"omit it, or use --loss {' or '.join(editing)}" if edits else "name the picture to edit with --source"
            raise InputError(
                f"--source is what {' and '.join(editing)} edit, --loss {self.loss} was given: {cure}", rule="loss-source"
            )
        if edits and not self.source_prompt:
            raise InputError(
                f"an edit by {self.loss} needs what --source shows, none was given: say it with --source-prompt",
                rule="source-prompt-missing",
            )
        if not edits and (self.source_prompt or self.size is not None):
            raise InputError(
                f"--source-prompt and --size are of a picture to edit, --loss {self.loss} has none: omit them",
                rule="source-options",
            )
        if edits and (self.width is not None or self.height is not None):
            raise InputError(
                "an edit is as large as its --source, --width or --height was given: omit it, or give --size",
                rule="source-canvas",
            )
        if self.loss not in weighted and self.weight != "auto":
            raise InputError(
                f"--weight is of {', '.join(weighted)}, --loss {self.loss} has its own: omit it", rule="weight-loss"
            )
        self.check_loss(self.loss)
        if self.loss != "pds":
            self.check_heeded("stride", where=f"of --loss pds, not of {self.loss}")
        if self.perp_neg and (edits or not self.negative_prompt):
            lacks = "compares a picture with its source" if edits else "has no --negative-prompt"
            raise InputError(
                f"--perp-neg weighs a --negative-prompt against the prompt, --loss {self.loss} {lacks}: omit it, or add one",
                rule="perp-neg-negative",
            )
        if self.init not in GENERATED:
            read_picture(self.init)

    def with_canvas(self, checkpoint: Checkpoint) -> Self:
        """Return the options with a width and a height. Raises InputError where windows cannot cover them."""
        native = checkpoint.native_size
        self = self.filled(width=native, height=native)
        for name, length in (("width", self.width), ("height", self.height)):
            check_at_least(f"--{name} (the model's own)", length, native)
            check_multiple(f"--{name}", length, checkpoint.factor, "the size of a latent")
        return self

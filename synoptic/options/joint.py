"""What pictures of several prompts share (anagrams, hybrids): how their views are denoised together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import MODEL
from synoptic.options.base import Item
from synoptic.options.option import Option
from synoptic.options.prompts import PromptOptions, are_alike, one_picture_of_all
from synoptic.options.sampling import Sync
from synoptic.options.speed import UNGUIDED
from synoptic.options.upscaling import Upscalers, UpscalingOptions, find_upscalers

JointModel = Annotated[
    str,
    Option(
        "bundled-if, if, … (pixels), bundled, sd1.5, … (latents), a hub id, a directory, FILE.safetensors", weights=MODEL
    ),
]


@dataclass(frozen=True, kw_only=True)
class JointOptions(PromptOptions, UpscalingOptions):
    """What every picture of several prompts takes."""

    GROUP = "Views"

    fast: Annotated[
        bool,
        Option(
            "of latent models, whose views are decoded at every step, half the steps by dpm++ (unless --steps says else); of"
            " others a quarter of the upscalers' own steps (unless --upscaler-steps says else)"
        ),
    ] = False
    FAST_DEEPCACHE: ClassVar[int] = 1  # of what is decoded at every step the network is the smaller part

    style: Annotated[str, Option("words before every prompt, for example: an oil painting of")] = ""
    equalize_guidance: Annotated[
        bool, Option("bring the views' guidance to one strength, so that no prompt dominates the others")
    ] = False
    view_space: Annotated[
        Literal["pixels", "latents"], Option("of latent models: views of the picture, or, quicker and worse, of its latents")
    ] = "pixels"
    vae_residual: Annotated[bool, Option("of latent models: add back what the autoencoder loses at each step")] = True
    upscalers: Upscalers = ("auto",)
    noise_augmentation: Annotated[bool, Option("noise the small pictures that upscalers are given, by --noise-level")] = True
    model: JointModel = "bundled-if"

    def prompts(self) -> list[str]:
        """Return the prompt of each view, with the style before it."""
        return [f"{self.style} {prompt}".strip() for prompt in self.prompt]

    def texts(self) -> list[str]:
        return [*self.prompts(), self.negative_prompt]

    def warnings(self) -> list[str]:
        says = "all prompts are the same: the picture shows it in every view, and nothing else in any"
        return [*super().warnings(), *[says] * are_alike(self.prompt)]

    def item_options(self) -> frozenset[str]:
        return frozenset({"seed", "count"})

    def items(self) -> list[Item]:
        return self.items_of(self.item_seeds())

    def items_of(self, seeds: Sequence[int]) -> list[Item]:
        return one_picture_of_all(self.prompt, seeds)

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if checkpoint.factor == 1:
            self.check_heeded("view_space", "vae_residual", where=f"of latent models, {checkpoint.name} is one of pixels")
        elif self.view_space == "latents":
            self.check_heeded("vae_residual", where="of views of pictures, not of --view-space latents")
        if not self.guides(checkpoint):
            self.check_heeded("equalize_guidance", where=UNGUIDED)
        if not self.takes_fewer_steps(checkpoint) and not find_upscalers(checkpoint, self.upscalers):
            nothing = "of upscalers and of views of a latent model's pictures, there are none here"
            self.check_heeded("fast", where=nothing)
        return super().resolve(checkpoint)

    def takes_fewer_steps(self, checkpoint: Checkpoint) -> bool:
        return self.fast and self.has_views_in_pixels(checkpoint)

    def has_views_in_pixels(self, checkpoint: Checkpoint) -> bool:
        """Return whether a latent model's views are of its pictures."""
        return checkpoint.factor > 1 and self.view_space == "pixels"


@dataclass(frozen=True, kw_only=True)
class SyncOptions(JointOptions):
    """What the views agree on, where the state lives, and the search for a good seed."""

    GROUP = "Synchronization"

    sync: Sync = "x0"
    space: Annotated[
        Literal["auto", "instance", "canonical"], Option("where the state lives: per view, or on the canvas")
    ] = "auto"
    init_noise: Annotated[
        Literal["auto", "shared", "independent"], Option("one noise that every view sees, or one for each view")
    ] = "auto"
    seed_search: Annotated[
        int, Option("try that many seeds, keep the --count best by the bundled grayscale CLIP; 0: no search", at_least=0)
    ] = 0

    def item_options(self) -> frozenset[str]:
        return frozenset() if self.seed_search else super().item_options()

    def resolve(self, checkpoint: Checkpoint) -> Self:
        pixels = self.has_views_in_pixels(checkpoint)
        required = {"sync": "x0", "space": "instance", "init_noise": "independent"}
        for name, only in required.items() if pixels else ():
            if (value := getattr(self, name)) not in ("auto", only):
                raise InputError(
                    f"views of a latent model's pictures have no noise in common: --{name.replace('_', '-')} must be {only},"
                    f" {value} was given; use it, or --view-space latents",
                    rule="views-in-pixels",
                )
        if pixels and self.adds_noise:
            raise InputError(
                "views of a latent model's pictures share no noise that steps could add,"
                f" {self.sampler} with an eta of {self.eta:g} was given: use --sampler ddim or dpm++ with --eta 0",
                rule="views-in-pixels",
            )
        if self.seed_search and self.seed_search < self.count:
            raise InputError(
                f"--seed-search must be at least --count, {self.count}; {self.seed_search} was given: raise it",
                rule="seed-search-count",
            )
        self = self.filled(init_noise="independent" if pixels else "shared")
        per_view = self.init_noise == "independent" or self.sync == "none"
        self = self.filled(space="instance" if per_view else "canonical")
        if self.space == "canonical" and self.init_noise == "independent":
            raise InputError(
                "one canvas has one noise: --init-noise independent needs --space instance, canonical was given: change it",
                rule="init-noise-space",
            )
        if self.space == "canonical" and self.sync == "none":
            raise InputError(
                "--sync none keeps a state per view, --space canonical has only one: use --space auto", rule="sync-space"
            )
        return super().resolve(checkpoint)

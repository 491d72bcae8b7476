"""What anagrams and hybrids ask for: the options that they share, and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from synoptic.errors import InputError, check_at_least, check_choice
from synoptic.models.registry import Checkpoint

Style = Annotated[str, "words before every prompt, for example: an oil painting of"]
Balance = Annotated[bool, "bring the views' guidance to one strength, so that no prompt swallows the others"]
Sync = Annotated[Literal["x0", "eps", "xt", "none"], "what the views agree on at each step; none paints them apart"]
Space = Annotated[Literal["auto", "instance", "canonical"], "where the state lives: per view, or on the canvas"]
Start = Annotated[Literal["auto", "shared", "independent"], "one noise that every view sees, or each its own"]
Canvas = Annotated[
    Literal["pixels", "latents"], "of latent models: views of the picture, or, quicker and worse, of its latents"
]
Residual = Annotated[bool, "of latent models: give back what the autoencoder loses at each step"]
Augment = Annotated[bool, "noise the small pictures that upscalers are given, up to --level"]
Search = Annotated[int, "begin so many seeds, keep the --count best, by the judge that is blind to colour; 0: no search"]
Model = Annotated[str, "bundled-if, if, … (pixels), bundled, sd1.5, … (latents), a hub id or a directory: synoptic models"]


def place(source: Checkpoint, settings: dict[str, Any]) -> None:
    """Fill in where the state lives and what noise it starts from, and check them. Raises InputError on a broken rule."""
    check_choice("--sync", settings["sync"], ("x0", "eps", "xt", "none"))
    check_choice("--space", settings["space"], ("auto", "instance", "canonical"))
    check_choice("--start", settings["start"], ("auto", "shared", "independent"))
    check_choice("--canvas", settings["canvas"], ("pixels", "latents"))
    pixels = in_pixels(source, settings)
    rules = {"sync": "x0", "space": "instance", "start": "independent"}
    for name, only in rules.items() if pixels else ():
        if settings[name] not in ("auto", only):
            raise InputError(
                f"views of a latent model's pictures have no noise in common: --{name} must be {only}, {settings[name]} was"
                " given; use it, or --canvas latents"
            )
    if pixels and (settings["eta"] or settings["sampler"] == "ddpm"):
        raise InputError("views of a latent model's pictures share no noise: use --sampler ddim or dpm++ with --eta 0")
    if settings["start"] == "auto":
        settings["start"] = "independent" if pixels else "shared"
    if settings["space"] == "auto":
        apart = settings["start"] == "independent" or settings["sync"] == "none"
        settings["space"] = "instance" if apart else "canonical"
    if settings["space"] == "canonical" and settings["start"] == "independent":
        raise InputError(
            "one canvas has one noise: --start independent needs --space instance, canonical was given: change it"
        )
    if settings["space"] == "canonical" and settings["sync"] == "none":
        raise InputError("--sync none keeps a state per view, --space canonical has only one: use --space auto")


def in_pixels(source: Checkpoint, settings: dict[str, Any]) -> bool:
    """Whether a latent model's views are of its pictures."""
    return source.factor > 1 and settings["canvas"] == "pixels"


def check_search(settings: dict[str, Any]) -> None:
    """Raises InputError where there are fewer seeds to search than pictures to keep."""
    check_at_least("--search", settings["search"], 0)
    if settings["search"] and settings["search"] < settings["count"]:
        raise InputError(f"--search must be at least --count, {settings['count']}; {settings['search']} was given: raise it")

"""What makes a wide picture one scene, or several: the options of that, and their rules at the door."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

from synoptic.errors import InputError, check_at_least, check_at_most, check_choice
from synoptic.models.registry import Checkpoint
from synoptic.options.regions import Region, read_region

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.metrics.clip import Clip

Coherence = Annotated[float, "one scene (SyncDiffusion): how strongly; 8 suits clip-grayscale, 20 lpips; 0 is off"]
CoherenceSteps = Annotated[int, "in how many of the first steps"]
CoherenceEvery = Annotated[int, "in every so many-th of those: fewer are faster"]
CoherenceBy = Annotated[Literal["shape", "lpips"], "what likeness is: the bundled clip-grayscale's, or LPIPS (needs: lpips)"]
Anchor = Annotated[float, "the window that the others follow: 0 the first, 1 the last, row by row"]
Travel = Annotated[bool, "one picture of all prompts: from the first at its left edge to the last at its right one"]
Layout = Annotated[
    float | None,
    "for pictures larger than the model in both directions: paint them small first, enlarge, and repaint this share of the"
    " steps, such as 0.4, so that they show one scene (DemoFusion)",
]


def compose(source: Checkpoint, settings: dict[str, Any]) -> list[Region]:
    """Check what makes a picture one scene or several; read its regions. Raises InputError on a broken rule."""
    check_at_least("--coherence", settings["coherence"], 0)
    check_at_least("--coherence-steps", settings["coherence_steps"], 1)
    check_at_least("--coherence-every", settings["coherence_every"], 1)
    check_choice("--coherence-by", settings["coherence_by"], ("shape", "lpips"))
    check_at_least("--anchor", settings["anchor"], 0)
    check_at_most("--anchor", settings["anchor"], 1)
    if settings["coherence"] and (settings["space"] != "canonical" or settings["windows"] == "collage"):
        raise InputError("--coherence moves a canvas that its windows average: leave --space and --windows collage away")
    if settings["coherence"] and settings["coherence_by"] == "lpips" and find_spec("lpips") is None:
        raise InputError("--coherence-by lpips needs the package lpips, which is not installed: pip install lpips")
    if settings["travel"] and len(settings["prompt"]) < 2:
        raise InputError("--travel goes from one prompt to another, one was given: name two or more")
    if settings["region"] and settings["windows"] == "collage":
        raise InputError("--region lays windows over windows, --windows collage has a graph of its own: leave one away")
    if settings["layout"] is not None:
        check_layout(source, settings)
    size = settings["width"], settings["height"]
    return [read_region(typed, *size, settings["negative"], settings["guidance"]) for typed in settings["region"] or []]


def check_layout(source: Checkpoint, settings: dict[str, Any]) -> None:
    """Check --layout. Raises InputError on a broken rule."""
    short = min(settings["width"], settings["height"])
    if not 0 < settings["layout"] <= 1:
        raise InputError(f"--layout must be above 0 and at most 1, {settings['layout']} was given: try 0.4")
    if short <= source.native_size or settings["space"] != "canonical":
        raise InputError(
            f"--layout enlarges a canvas whose short side is above the model's own, {source.native_size}; it is {short},"
            f" --space {settings['space']}: enlarge it, or leave --layout away"
        )


def stops_score(judge: Clip, image: Image, stops: list[str]) -> float:
    """Mean cosine of a travelling picture's squares, each with the stop nearest to it."""
    from synoptic.metrics.clip import square_crops

    crops = square_crops(image)
    nearest = [round(k / max(1, len(crops) - 1) * (len(stops) - 1)) for k in range(len(crops))]
    return sum(judge([crop], [stops[k]]).item() for crop, k in zip(crops, nearest, strict=True)) / len(crops)

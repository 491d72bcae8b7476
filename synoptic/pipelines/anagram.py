"""Anagrams: one picture that is another when looked at another way (Geng et al. 2024, Visual Anagrams; Kim et al. 2024)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import InputError, install_command
from synoptic.models.registry import Checkpoint
from synoptic.options.common import (
    Clip,
    Count,
    Device,
    Dtype,
    Embeddings,
    Eta,
    Guidance,
    Level,
    Negative,
    Out,
    Sampler,
    Seed,
    Steps,
    Trace,
    Upscalers,
)
from synoptic.options.joint import (
    Augment,
    Balance,
    Canvas,
    Model,
    Residual,
    Search,
    Space,
    Start,
    Style,
    Sync,
    check_search,
    in_pixels,
    place,
)
from synoptic.options.resolve import settle, warn_unknown
from synoptic.pipelines.compare_sync import Comparison, comparison
from synoptic.pipelines.upscaling import check_level
from synoptic.pipelines.upscaling import upscalers as fitting
from synoptic.runs.manifest import Result, open_run
from synoptic.views.registry import FAILURES, parse_view, side_multiple

if TYPE_CHECKING:
    from PIL.Image import Image

    from synoptic.views.base import View

Prompts = Annotated[list[str], "what each view shows, in the order of --views"]
Names = Annotated[
    list[str] | None,
    "identity, rotate_cw, flip, jigsaw, rotate_cw+negate, a permutation's .npy or .json file, … (see: synoptic views;"
    " default: identity rotate_cw)",
]
Weights = Annotated[list[float] | None, "how much each view has to say (default: all the same)"]
Compare = Annotated[bool, "paint with every sync rule in both spaces, from independent noise, and tabulate the scores"]
Animate = Annotated[bool, "films of the picture turning from view to view and back (needs PyAV)"]


def anagram(
    prompt: Prompts,
    *,
    views: Names = None,
    style: Style = "",
    weights: Weights = None,
    balance: Balance = False,
    sync: Sync = "x0",
    space: Space = "auto",
    start: Start = "auto",
    canvas: Canvas = "pixels",
    residual: Residual = True,
    upscalers: Upscalers = None,
    level: Level = 50,
    augment: Augment = True,
    search: Search = 0,
    compare: Compare = False,
    animate: Animate = False,
    steps: Steps = None,
    guidance: Guidance = None,
    negative: Negative = "",
    sampler: Sampler = "ddim",
    eta: Eta = 0.0,
    clip: Clip = "auto",
    seed: Seed = 0,
    count: Count = 1,
    model: Model = "bundled-if",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    trace: Trace = False,
    out: Out = None,
) -> Result | Comparison:
    """Paint one picture that shows another prompt in each of its views: turn it, flip it, put it together anew.

    synoptic anagram "a lion" "a sunflower" --views identity rotate_cw --style "a lithograph of" --search 16 --animate
    """
    source, settings = settle(locals(), together=True)
    larger = enter(source, settings)
    if compare:
        return comparison(settings, out, trace)
    texts = [f"{style} {text}".strip() for text in settings["prompt"]]
    run = open_run("anagram", settings, out, together=True)
    warn_unknown(source, texts)

    from synoptic import io
    from synoptic.pipelines import joint
    from synoptic.views.anagram import Anagram
    from synoptic.views.registry import get_view

    each = [get_view(name) for name in settings["views"]]
    together = joint.how(settings, texts)

    def build(canvas: tuple[int, int, int]) -> Anagram:
        return Anagram(canvas, each, weights)

    def seen(picture: Any) -> list[Any]:
        x = io.from_pil(picture)
        return [io.to_pil(one.view(x))[0] for one in each]

    if search:
        joint.search(run, source, together, build, seen, texts)
    result = joint.paint(run, source, larger, together, build, seen, texts, trace)
    labels = [f"{name}: {text}" for name, text in zip(settings["views"], texts, strict=True)]
    for picture, image in zip(run.pictures, result.images, strict=True):
        file = run.folder / picture.file
        sheet = io.image_grid(seen(image), labels, len(each), cell=256)
        io.save_image(file.with_suffix(".views.png"), sheet, {"of": file.name})
        if animate:
            film(file, image, each, texts)
    return result


def enter(source: Checkpoint, settings: dict[str, Any]) -> list[Checkpoint]:
    """Check the settings, fill in what was left to us; the upscalers. Raises InputError on a broken rule."""
    settings["views"] = list(settings["views"] or ("identity", "rotate_cw"))
    texts, views, weights = settings["prompt"], settings["views"], settings["weights"]
    if len(texts) < 2 or len(texts) != len(views):
        raise InputError(
            f"an anagram needs a prompt for each view, two or more; {len(texts)} prompts and {len(views)} views were"
            f" given ({', '.join(views)}): match --views"
        )
    if weights is not None and (len(weights) != len(views) or min(weights) <= 0):
        raise InputError(
            f"--weights are one number above 0 for each of {len(views)} views, {weights} was given: correct them"
        )
    place(source, settings)
    check_search(settings)
    larger = fitting(source, settings["upscalers"])
    check_level(larger, settings["level"])
    compare, animate = settings.pop("compare"), settings.pop("animate")
    if compare and in_pixels(source, settings):
        raise InputError(
            "--compare begins from noise in common, which views of a latent model's pictures lack: add --canvas latents"
        )
    if compare and (settings["search"] or animate):
        raise InputError("--compare paints by every rule from the same noises: leave out --search and --animate")
    if animate and find_spec("av") is None:
        raise InputError(f"--animate needs PyAV, which is not installed: {install_command('video')}")
    side = source.native_size if settings["canvas"] == "pixels" else source.native_size // source.factor
    for name in views:
        if side % side_multiple(name):
            raise InputError(
                f"the view {name} needs a side that {side_multiple(name)} divides, {source.name} paints {side}: change it"
            )
        for part in parse_view(name):
            if part.kind in FAILURES:
                print(f"warning: {part.kind} cannot work ({FAILURES[part.kind]}): synoptic views {name}", file=sys.stderr)
    return larger


def film(file: Path, picture: Image, views: Sequence[View], captions: Sequence[str]) -> None:
    """FILE.mp4 and FILE.gif: the picture turning from view to view and back. What is there is not made again."""
    from synoptic import io
    from synoptic.animate import animate

    if not file.with_suffix(".mp4").exists():
        frames = list(animate(picture, views, captions))
        io.save_gif(file.with_suffix(".gif"), frames[::2], 15)
        io.save_video(file.with_suffix(".mp4"), frames)

"""Hybrids: each prompt paints its own component of one picture (Geng et al. 2024, Factorized Diffusion)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from synoptic.errors import InputError, check_choice
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
    place,
)
from synoptic.options.resolve import settle, warn_unknown
from synoptic.pipelines.upscaling import check_level
from synoptic.pipelines.upscaling import upscalers as fitting
from synoptic.runs.manifest import Result, open_run

if TYPE_CHECKING:
    from PIL.Image import Image

Prompts = Annotated[list[str], "FAR NEAR, and of a triple MIDDLE: what is seen from afar, from near, from between"]
Kind = Annotated[
    Literal["pass", "triple", "color", "motion", "inverse"],
    "pass: low and high frequencies; triple: three bands; color: grey, then colour; motion: moving, at rest; inverse: the"
    " far picture is --photo, one prompt paints the rest",
]
Photo = Annotated[str | None, "of --kind inverse: the picture that is seen from afar"]
Sigma = Annotated[
    float, "of pass and inverse: the blur that parts far from near, in pixels at side 64; more gives the near prompt more"
]

WIDEST = 8.0  # the blur reaches over 33 pixels
FAR = 32  # pixels: all that is left from afar, a 256 px picture made 8 times smaller
OF_PIXELS = ("color", "inverse")
COUNT = {"pass": 2, "triple": 3, "color": 2, "motion": 2, "inverse": 1}  # prompts


def hybrid(
    prompt: Prompts,
    *,
    kind: Kind = "pass",
    sigma: Sigma = 2.0,
    photo: Photo = None,
    style: Style = "",
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
) -> Result:
    """Paint one picture that shows one prompt from afar (or in grey, or blurred by motion) and another from near.

    synoptic hybrid "a skull" "a flower meadow" --style "an oil painting of"
    """
    source, settings = settle(locals(), together=True)
    larger = enter(source, settings)
    texts = [f"{style} {text}".strip() for text in in_order(settings["prompt"])]
    run = open_run("hybrid", settings, out, together=True)
    warn_unknown(source, texts)

    from synoptic import io
    from synoptic.options.input_image import read
    from synoptic.pipelines import joint
    from synoptic.views.decompositions import get_components
    from synoptic.views.factorized import Factorized

    parts = get_components("pass" if kind == "inverse" else kind, sigma)
    known = io.from_pil(read(photo)) if photo else None
    together = joint.how(settings, texts)

    def build(canvas: tuple[int, int, int]) -> Factorized:
        return Factorized(canvas, parts, known)

    def seen(picture: Any) -> list[Any]:
        return looked_at(picture, kind)

    if search:
        joint.search(run, source, together, build, seen, texts)
    result = joint.paint(run, source, larger, together, build, seen, texts, trace)
    for picture, image in zip(run.pictures, result.images, strict=True):
        file = run.folder / picture.file
        io.save_image(
            file.with_suffix(".views.png"), io.image_grid(seen(image), texts, len(texts), cell=256), {"of": file.name}
        )
    return result


def in_order(texts: list[str]) -> list[str]:
    """FAR NEAR MIDDLE as the components come: from far to near."""
    far, *others = texts
    return [far, *reversed(others)]


def looked_at(picture: Image, kind: str) -> list[Image]:
    """The picture as each prompt means it, from afar first: each component as one sees it."""
    from synoptic.io import from_pil, to_pil
    from synoptic.views.decompositions import grayscale, motion_blur

    def away(side: int) -> Image:
        return picture.resize((side, side)).resize(picture.size)

    match kind:
        case "pass":
            return [away(FAR), picture]
        case "triple":
            return [away(FAR), away(2 * FAR), picture]
        case "color":
            return [to_pil(grayscale(from_pil(picture)))[0], picture]
        case "motion":
            return [to_pil(motion_blur(from_pil(picture)))[0], picture]
    return [picture]


def enter(source: Checkpoint, settings: dict[str, Any]) -> list[Checkpoint]:
    """Check the settings, fill in what was left to us; the upscalers. Raises InputError on a broken rule."""
    kind, texts = settings["kind"], settings["prompt"]
    check_choice("--kind", kind, list(COUNT))
    if len(texts) != COUNT[kind]:
        raise InputError(f"--kind {kind} takes {COUNT[kind]} prompts (FAR NEAR MIDDLE), {len(texts)} were given: match them")
    if (kind == "inverse") != (settings["photo"] is not None):
        raise InputError("--kind inverse and --photo go together: give both or neither")
    if settings["photo"] is not None and not Path(settings["photo"]).expanduser().is_file():
        raise InputError(f"--photo must be a picture's file, {settings['photo']} is none: check the path")
    if not 0 < settings["sigma"] <= WIDEST:
        raise InputError(f"--sigma must be above 0 and at most {WIDEST:g}, {settings['sigma']:g} was given: change it")
    place(source, settings)
    if kind == "inverse" and settings["sync"] != "x0":
        raise InputError(
            f"a photograph is clean, so --kind inverse needs --sync x0, {settings['sync']} was given: leave it out"
        )
    if kind in OF_PIXELS and source.factor > 1 and settings["canvas"] == "latents":
        raise InputError(f"--kind {kind} is about colours of pixels, --canvas latents was given: leave it out")
    check_search(settings)
    larger = fitting(source, settings["upscalers"])
    check_level(larger, settings["level"])
    return larger

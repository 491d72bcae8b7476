"""Pictures of any size: windows denoised together (MultiDiffusion, Bar-Tal et al. 2023; SyncTweedies, Kim et al. 2024)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from synoptic.errors import InputError, check_choice
from synoptic.models.registry import Checkpoint
from synoptic.options.coherence import (
    Anchor,
    Coherence,
    CoherenceBy,
    CoherenceEvery,
    CoherenceSteps,
    Layout,
    Travel,
    compose,
    stops_score,
)
from synoptic.options.common import (
    Clip,
    Count,
    Device,
    Dtype,
    Embeddings,
    Eta,
    Guidance,
    Model,
    Negative,
    Out,
    Prompts,
    Sampler,
    Seed,
    Steps,
    Trace,
)
from synoptic.options.control import Nets
from synoptic.options.regions import Regions
from synoptic.options.resolve import settle, warn_unknown
from synoptic.options.speed import Cache, Compile, Fast, GuidanceInterval, settle_speed
from synoptic.options.wide_control import Control, Kept, following
from synoptic.runs.manifest import Result, open_run

Width = Annotated[int | None, "pixels (default: six times the model's own size)"]
Height = Annotated[int | None, "pixels (default: the model's own size)"]
Windows = Annotated[
    Literal["dense", "shifted", "thinning", "collage"],
    "dense: overlapping; shifted: tiles moved by chance at every step (SpotDiffusion), the fastest; thinning: from dense to"
    " shifted; collage: windows minus their overlaps (DiffCollage)",
]
Stride = Annotated[
    int | None,
    "from window to window, in the model's own pixels (latents) (default: 8; pixel models and SDXL 16; collage half a"
    " window); thinning begins with it, shifted has none",
]
Sync = Annotated[Literal["x0", "eps", "xt", "none"], "what the windows agree on at each step; none paints them apart"]
Space = Annotated[Literal["auto", "instance", "canonical"], "where the state lives: per window, on the canvas; auto: canvas"]
Weights = Annotated[Literal["feather", "uniform"], "how overlapping windows are averaged; uniform is MultiDiffusion's"]
Loop = Annotated[bool, "close the picture: its right edge continues at the left one"]


def wide(
    prompt: Prompts,
    *,
    width: Width = None,
    height: Height = None,
    steps: Steps = None,
    guidance: Guidance = None,
    negative: Negative = "",
    windows: Windows = "dense",
    stride: Stride = None,
    sync: Sync = "x0",
    space: Space = "auto",
    weights: Weights = "feather",
    loop: Loop = False,
    coherence: Coherence = 0.0,
    coherence_steps: CoherenceSteps = 10,
    coherence_every: CoherenceEvery = 1,
    coherence_by: CoherenceBy = "shape",
    anchor: Anchor = 0.5,
    region: Regions = None,
    travel: Travel = False,
    layout: Layout = None,
    control: Control = None,
    condition: Kept = None,
    controlnet: Nets = None,
    sampler: Sampler = "ddim",
    eta: Eta = 0.0,
    clip: Clip = "auto",
    seed: Seed = 0,
    count: Count = 1,
    model: Model = "bundled",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    compile: Compile = False,
    guidance_interval: GuidanceInterval = None,
    cache: Cache = None,
    fast: Fast = False,
    trace: Trace = False,
    out: Out = None,
) -> Result:
    """Paint a picture larger than the model can: its windows are denoised together, in one canvas.

    synoptic wide "a watercolor of snowy mountains at sunrise" --width 1024
    synoptic wide "a photo of a green meadow" --region "0.5,0,1,1: a photo of a lake"
    synoptic wide "a photo of a meadow" "a photo of snowy mountains" --travel
    synoptic wide "an oil painting of a village" --control street.jpg --condition canny
    """
    source, settings = settle(given := locals())
    settle_speed(source, settings, given)
    followed = following(source, settings)
    measure(source, settings)
    regions = compose(source, settings)
    run = open_run("wide", settings, out, together=travel)
    warn_unknown(source, [*settings["prompt"], *(part.prompt for part in regions)])

    from synoptic.pipelines.wide_canvas import Canvas
    from synoptic.runs.execute import BY_PROMPT, Measure, execute
    from synoptic.sampling.sdedit import start_index

    size = settings["width"], settings["height"]
    follow = followed.onto(*size, run) if followed else None
    canvas = Canvas(source, settings, (size[1] // source.factor, size[0] // source.factor), regions, follow)
    n = settings["steps"]
    first = start_index(layout, n) if layout else 0

    def paint(m, prompts, rngs):
        if not layout:
            yield from canvas.paint(m, prompts, rngs, canvas.start(m, rngs))
            return
        small = canvas.small()
        z = small.start(m, rngs)
        for step in small.paint(m, prompts, rngs, z):
            z = step.x
            yield step
        yield from canvas.paint(m, prompts, rngs, canvas.enlarged(m, z, rngs, first), first)

    along = Measure("clip_score", lambda judge, image, _: stops_score(judge, image, settings["prompt"]))
    how: dict[str, Any] = {"measure": along if travel else BY_PROMPT, "steps": n + (n - first if layout else 0)}
    views = canvas.most * (4 if coherence else 1)  # gradients take memory: fewer pictures at once
    return execute(run, source, paint, canvas.decode, views=views, trace=trace, **how)


def measure(source: Checkpoint, settings: dict[str, Any]) -> None:
    """Fill in size, stride and space, and check them against the model. Raises InputError on a broken rule."""
    native, f = source.native_size, source.factor
    settings["width"] = settings["width"] if settings["width"] is not None else 6 * native
    settings["height"] = settings["height"] if settings["height"] is not None else native
    for side in ("width", "height"):
        pixels = settings[side]
        if pixels < native:
            raise InputError(f"--{side} must be at least the model's own size, {native}; {pixels} was given: widen it")
        if pixels % f:
            near = f"{pixels - pixels % f} or {pixels - pixels % f + f}"
            raise InputError(f"--{side} must be a multiple of {f}, the size of a latent; {pixels} was given: use {near}")
    side, windows = native // f, settings["windows"]
    check_choice("--windows", windows, ("dense", "shifted", "thinning", "collage"))
    if windows == "shifted" and settings["stride"] not in (None, side):
        raise InputError(f"--windows shifted are tiles side by side, --stride {settings['stride']} was given: leave it away")
    usual = {"shifted": side, "collage": side // 2}.get(windows, source.defaults.stride)
    settings["stride"] = settings["stride"] if settings["stride"] is not None else usual
    if not 1 <= settings["stride"] <= side:
        raise InputError(
            f"--stride must be between 1 and the window's size, {side}; {settings['stride']} was given:"
            " a larger one would leave gaps"
        )
    check_choice("--sync", settings["sync"], ("x0", "eps", "xt", "none"))
    check_choice("--space", settings["space"], ("auto", "instance", "canonical"))
    check_choice("--weights", settings["weights"], ("feather", "uniform"))
    if settings["sync"] == "none" and settings["space"] == "canonical":
        raise InputError("--sync none keeps a state per window, --space canonical has only one: use --space auto")
    if settings["space"] == "auto":
        settings["space"] = "instance" if settings["sync"] == "none" else "canonical"
    if windows != "dense" and (settings["sync"] != "x0" or settings["space"] != "canonical"):
        raise InputError(
            f"--windows {windows} have their state on the canvas and agree on x0: leave --sync and --space away"
        )
    if windows == "collage":
        coarse = 2 ** (len(source.unet_config["block_out_channels"]) - 1)
        lengths = (settings["height"] // f - side, settings["width"] // f - (0 if settings["loop"] else side))
        if settings["stride"] % coarse or any(length % coarse for length in lengths):
            raise InputError(
                f"--windows collage has overlaps of multiples of {coarse * f} pixels, as the network needs them;"
                f" {settings['width']}x{settings['height']} at --stride {settings['stride']} has others: choose such a size"
            )

"""Pictures of any size: windows denoised together (MultiDiffusion, Bar-Tal et al. 2023; SyncTweedies, Kim et al. 2024)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from synoptic.check import BadInput, one_of
from synoptic.models.source import Source
from synoptic.recipes.options import (
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
from synoptic.recipes.studio import settle, warn_unknown
from synoptic.runs.manifest import Result, open_run

Width = Annotated[int | None, "pixels (default: six times the model's own size)"]
Height = Annotated[int | None, "pixels (default: the model's own size)"]
Stride = Annotated[
    int | None, "from window to window, in the model's own pixels (latents) (default: 8; pixel models and SDXL 16)"
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
    stride: Stride = None,
    sync: Sync = "x0",
    space: Space = "auto",
    weights: Weights = "feather",
    loop: Loop = False,
    sampler: Sampler = "ddim",
    eta: Eta = 0.0,
    clip: Clip = "auto",
    seed: Seed = 0,
    count: Count = 1,
    model: Model = "bundled",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    trace: Trace = False,
    out: Out = None,
) -> Result:
    """Paint a picture larger than the model can: its windows are denoised together, in one canvas.

    synoptic wide "a watercolor of snowy mountains at sunrise" --width 1024
    """
    source, settings = settle(locals())
    measure(source, settings)
    run = open_run("wide", settings, out)
    warn_unknown(source, settings["prompt"])

    import torch

    from synoptic import solvers
    from synoptic.diffusion import randn
    from synoptic.guidance import cfg
    from synoptic.runs.execute import execute
    from synoptic.schedule import clipping
    from synoptic.synchronize import canonical, instance
    from synoptic.views.windows import Windows

    f, side = source.factor, source.native // source.factor
    channels = source.unet["in_channels"]
    canvas = channels, settings["height"] // f, settings["width"] // f
    views = Windows(canvas, (side, side), (settings["stride"],) * 2, wrap=loop, weights=weights)

    def paint(m, prompts, rngs):
        s = m.schedule
        predict = cfg(m, prompts, settings["guidance"], negative, clip=clipping(clip, s))
        z = randn(canvas, rngs).to(m.device)
        how: dict[str, Any] = {
            "steps": solvers.steps_of(sampler, s, settings["steps"]),
            "solve": solvers.sampler(sampler, eta),
        }
        how |= {"sync": sync, "rngs": rngs}
        if settings["space"] == "canonical":
            return canonical(predict, s, views, z, **how)
        return instance(predict, s, views, views.project(z), **how)

    def decode(m, x):
        z = x if settings["space"] == "canonical" else views.unproject(x)
        if not loop:
            return m.decode(z)
        pad = side // 4
        closed = m.decode(torch.cat([z[..., -pad:], z, z[..., :pad]], -1))
        return closed[..., pad * f : -pad * f]

    return execute(run, source, paint, decode, views=len(views), trace=trace)


def measure(source: Source, settings: dict[str, Any]) -> None:
    """Fill in size, stride and space, and check them against the model. Raises BadInput on a broken rule."""
    native, f = source.native, source.factor
    settings["width"] = settings["width"] if settings["width"] is not None else 6 * native
    settings["height"] = settings["height"] if settings["height"] is not None else native
    for side in ("width", "height"):
        pixels = settings[side]
        if pixels < native:
            raise BadInput(f"--{side} must be at least the model's own size, {native}; {pixels} was given: widen it")
        if pixels % f:
            near = f"{pixels - pixels % f} or {pixels - pixels % f + f}"
            raise BadInput(f"--{side} must be a multiple of {f}, the size of a latent; {pixels} was given: use {near}")
    settings["stride"] = settings["stride"] if settings["stride"] is not None else source.defaults.stride
    if not 1 <= settings["stride"] <= native // f:
        raise BadInput(
            f"--stride must be between 1 and the window's size, {native // f}; {settings['stride']} was given:"
            " a larger one would leave gaps"
        )
    one_of("--sync", settings["sync"], ("x0", "eps", "xt", "none"))
    one_of("--space", settings["space"], ("auto", "instance", "canonical"))
    one_of("--weights", settings["weights"], ("feather", "uniform"))
    if settings["sync"] == "none" and settings["space"] == "canonical":
        raise BadInput("--sync none keeps a state per window, --space canonical has only one: use --space auto")
    if settings["space"] == "auto":
        settings["space"] = "instance" if settings["sync"] == "none" else "canonical"

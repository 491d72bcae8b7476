"""Pictures with the structure of a given one: its edges, strokes or depth are followed (ControlNet, Zhang et al. 2023)."""

from __future__ import annotations

from typing import Annotated

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
from synoptic.options.control import Conditions, Depths, Nets, guides
from synoptic.options.input_image import Picture, Size, given
from synoptic.options.resolve import settle, warn_unknown
from synoptic.runs.manifest import Result, open_run

Strengths = Annotated[list[float] | None, "how much each condition counts: 1 as trained, 0 not at all (default: 1)"]
Begin = Annotated[float, "when they begin to count, a share of the way from noise (0) to picture (1)"]
End = Annotated[float, "when they cease to"]


def control(
    image: Picture,
    prompt: Prompts,
    *,
    condition: Conditions = None,
    controlnet: Nets = None,
    strength: Strengths = None,
    begin: Begin = 0.0,
    end: End = 1.0,
    depth: Depths = None,
    size: Size = None,
    steps: Steps = None,
    guidance: Guidance = None,
    negative: Negative = "",
    sampler: Sampler = "ddim",
    eta: Eta = 0.0,
    clip: Clip = "auto",
    seed: Seed = 1,
    count: Count = 1,
    model: Model = "bundled",
    embeddings: Embeddings = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    trace: Trace = False,
    out: Out = None,
) -> Result:
    """Paint what the prompt says where the given picture has its edges, strokes or depths.

    synoptic control castle.png "a watercolor painting of a castle" --condition canny
    """
    source, settings = settle(locals())
    guide = guides(source, settings)
    picture = given(source, settings)
    run = open_run("control", settings, out)
    picture.keep(run)
    follow = guide.onto(picture, run)
    warn_unknown(source, settings["prompt"])

    from synoptic.diffusion import solvers
    from synoptic.diffusion.equations import randn
    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.runs.execute import execute
    from synoptic.sampling.joint import canonical

    def paint(m, prompts, rngs):
        s = m.schedule
        predict = cfg(follow(m), prompts, settings["guidance"], negative, clip=get_clip(clip, s))
        z = randn(picture.views.canvas, rngs).to(m.device)
        how = {"steps": solvers.timestep_pairs(sampler, s, settings["steps"]), "solver": solvers.get_solver(sampler, eta)}
        return canonical(predict, s, picture.views, z, rngs=rngs, **how)

    return execute(run, source, paint, picture.decode, views=len(picture.views), trace=trace)

"""Plain text-to-image."""

from __future__ import annotations

from synoptic.recipes.options import (
    Clip,
    Count,
    Device,
    Dtype,
    Eta,
    Guidance,
    Model,
    Negative,
    Out,
    Prompts,
    Sampler,
    Seed,
    Steps,
)
from synoptic.recipes.studio import settle, warn_unknown
from synoptic.runs.manifest import Result, open_run


def generate(
    prompt: Prompts,
    *,
    steps: Steps = None,
    guidance: Guidance = None,
    negative: Negative = "",
    sampler: Sampler = "ddim",
    eta: Eta = 0.0,
    clip: Clip = "auto",
    seed: Seed = 0,
    count: Count = 1,
    model: Model = "bundled",
    device: Device = "auto",
    dtype: Dtype = "auto",
    out: Out = None,
) -> Result:
    """Paint a prompt at the model's own size.

    synoptic generate "an oil painting of a horse" --count 4
    """
    source, settings = settle(locals())
    run = open_run("generate", settings, out)
    warn_unknown(source, settings["prompt"])

    from synoptic import solvers
    from synoptic.diffusion import randn
    from synoptic.guidance import cfg
    from synoptic.runs.execute import execute
    from synoptic.sample import sample
    from synoptic.schedule import clipping

    def paint(m, prompts, rngs):
        s = m.schedule
        predict = cfg(m, prompts, settings["guidance"], negative, clip=clipping(clip, s))
        x = randn(m.shape, rngs).to(m.device)
        steps = solvers.steps_of(sampler, s, settings["steps"])
        return sample(predict, s, x, steps=steps, solve=solvers.sampler(sampler, eta), rngs=rngs)

    return execute(run, source, paint, lambda m, x: m.decode(x))

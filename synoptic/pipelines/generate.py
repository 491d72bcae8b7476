"""Plain text-to-image, in as many stages as are asked for (DeepFloyd IF: 64, 256 and 1024 pixels)."""

from __future__ import annotations

from synoptic.options.common import (
    Clip,
    Count,
    Device,
    Dtype,
    Embeddings,
    Eta,
    Guidance,
    Level,
    Model,
    Negative,
    Out,
    Prompts,
    Sampler,
    Seed,
    Steps,
    Trace,
    Upscalers,
)
from synoptic.options.resolve import settle, warn_unknown
from synoptic.pipelines.upscaling import check_level
from synoptic.pipelines.upscaling import upscalers as fitting
from synoptic.runs.manifest import Result, open_run


def generate(
    prompt: Prompts,
    *,
    upscalers: Upscalers = None,
    level: Level = 50,
    steps: Steps = None,
    guidance: Guidance = None,
    negative: Negative = "",
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
    """Paint a prompt at the model's own size; upscalers enlarge the picture, where --upscalers says which.

    synoptic generate "an oil painting of a horse" --count 4
    synoptic generate "a photo of a lemon" --model bundled-if --upscalers auto
    """
    source, settings = settle(locals())
    larger = fitting(source, upscalers or ["none"])
    check_level(larger, level)
    settings["upscalers"] = [up.name for up in larger] or None
    run = open_run("generate", settings, out)
    warn_unknown(source, settings["prompt"])

    from synoptic.diffusion import solvers
    from synoptic.diffusion.equations import randn
    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.pipelines.upscaling import Stages
    from synoptic.runs.execute import execute
    from synoptic.sampling.single import sample

    stages = Stages(source, settings)

    def paint(m, prompts, rngs):
        def denoise(model, x, steps, guidance):
            s = model.schedule
            predict = cfg(model, prompts, guidance, negative, clip=get_clip(clip, s))
            steps = solvers.timestep_pairs(sampler, s, steps)
            return sample(predict, s, x, steps=steps, solver=solvers.get_solver(sampler, eta), rngs=rngs)

        x = randn(m.shape, rngs).to(m.device)
        for step in denoise(m, x, settings["steps"], settings["guidance"]):
            x = step.x
            yield step
        for up in larger:
            model, x = stages.begin(up, m, stages.decode(m, x), rngs)
            for step in denoise(model, x, up.defaults.steps, up.defaults.guidance_scale):
                x = step.x
                yield step

    steps = settings["steps"] + sum(up.defaults.steps for up in larger)
    return execute(run, source, paint, stages.decode, steps=steps, trace=trace)

"""Score distillation in two dimensions: a picture is optimised until the model likes it (Poole et al. 2023, DreamFusion)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from synoptic.errors import InputError, install_command
from synoptic.models.registry import Checkpoint
from synoptic.options.common import Count, Device, Model, Out, Prompts, Seed
from synoptic.options.distill import (
    MADE,
    STEPS,
    Anneal,
    Dtype,
    Edited,
    Every,
    First,
    Guidance,
    Horizon,
    Init,
    Last,
    Loss,
    Negative,
    PerpNeg,
    Rate,
    Side,
    Space,
    Steps,
    Stride,
    StudentRate,
    StudentSteps,
    Told,
    Trace,
    WarmUp,
    Weight,
    settle,
)
from synoptic.options.input_image import Size, given, read
from synoptic.options.resolve import warn_unknown
from synoptic.pipelines.distill_objective import editing, making, sketched
from synoptic.runs.manifest import Result, open_run

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor

    from synoptic.models.base import Denoiser
    from synoptic.runs.checkpoint import Moment
    from synoptic.views.windows import Windows

STUDENTS = 256  # which one net can have
FRAMES = 100  # of a film


def distill(
    prompt: Prompts,
    *,
    loss: Loss = "auto",
    source: Edited = None,
    source_prompt: Told = "",
    guidance: Guidance = None,
    negative: Negative = "",
    perp_neg: PerpNeg = False,
    steps: Steps = STEPS,
    lr: Rate = None,
    warm_up: WarmUp = None,
    horizon: Horizon = None,
    student_lr: StudentRate = None,
    student_steps: StudentSteps = None,
    weight: Weight = "auto",
    t_min: First = None,
    t_max: Last = None,
    anneal: Anneal = "auto",
    stride: Stride = 2,
    init: Init = "auto",
    space: Space = "auto",
    size: Size = None,
    width: Side = None,
    height: Side = None,
    seed: Seed = 0,
    count: Count = 1,
    model: Model = "bundled",
    device: Device = "auto",
    dtype: Dtype = "auto",
    trace: Trace = False,
    every: Every = 0,
    out: Out = None,
) -> Result:
    """Make a picture, or edit one, by following a model's score instead of sampling: one small step of AdamW at a time.

    All prompts are one batch. While it runs, preview.png in the run's folder is the first picture as it is; a killed run
    goes on to the bit.

    synoptic distill "a photo of a horse" "a photo of a lemon" --loss sds --trace
    synoptic distill --source car.png --source-prompt "a photo of a red car" "a photo of a blue car" --loss pds
    """
    origin, settings = settle(dict(locals()))
    if trace and find_spec("av") is None:
        raise InputError(f"--trace needs PyAV, which is not installed: {install_command('video')}")
    edited = given(origin, settings | {"image": source}) if source is not None else None
    start = read(init) if settings["init"] not in MADE else None
    run = open_run("distill", settings, out)
    if edited:
        edited.keep(run, "source")
    warn_unknown(origin, [*settings["prompt"], *([source_prompt] if edited else [])])

    from synoptic import io
    from synoptic.runs.checkpoint import Checkpoint, forget
    from synoptic.runs.execute import execute
    from synoptic.runs.optimization_recorder import Descent

    views = edited.views if edited else windows(origin, settings)
    names = {(p.prompt, p.seed): p.file for p in run.pictures}

    def begin(m: Denoiser, prompts: Sequence[str], rngs: Sequence[torch.Generator]) -> Tensor:
        """x (B, C, h, w), before the first step."""
        from synoptic.diffusion.equations import randn

        kept = edited.encode(m) if edited else None
        match settings["init"]:
            case "noise":
                return randn(views.canvas, rngs).to(m.device)
            case "sketch":
                return sketched(settings, m, prompts, rngs, views, kept)
        if start is not None:
            _, h, w = views.canvas
            kept = m.encode(io.from_pil(start.resize((w * m.factor, h * m.factor))).to(m.device))
        assert kept is not None
        return kept.repeat(len(rngs), 1, 1, 1)

    def paint(m: Denoiser, prompts: Sequence[str], rngs: Sequence[torch.Generator]) -> Iterator[Moment]:
        import torch

        from synoptic.distillation.image_scene import LatentImage, PixelImage
        from synoptic.distillation.optimize import optimize, warmup_cosine
        from synoptic.runs.checkpoint import Moment

        of = [names[text, rng.initial_seed()] for text, rng in zip(prompts, rngs, strict=True)]
        checkpoint = Checkpoint(run.folder, of, settings["steps"], FRAMES if trace else 0)
        with torch.no_grad():
            x, learner, student = begin(m, prompts, rngs), None, None
            if edited:
                kept = edited.encode(m).repeat(len(rngs), 1, 1, 1)
                objective = editing(settings, m, prompts, kept, views)
            else:
                objective, learner, student = making(settings, m, prompts, rngs, views)
            through = settings["space"] == "pixels" and m.factor > 1
            scene: Any = PixelImage(m.decode(x).clamp(-1, 1)) if settings["space"] == "pixels" else LatentImage(x)
        shown = scene.image if settings["space"] == "pixels" else scene.x
        rate = warmup_cosine(settings["lr"], settings["steps"], settings["warm_up"], settings["horizon"])
        state = checkpoint.state()
        how = {"steps": settings["steps"], "lr": rate, "rngs": rngs, "learner": learner, "state": state}
        done = optimize(scene, objective, m.encode if through else lambda image: image, **how)
        moments = ((Moment(f.i, shown.detach().clone(), f.grad_norm), f.state) for f in done)
        try:
            yield from checkpoint.past(shown.detach())
            for moment in checkpoint.watch(moments, lambda x: io.to_pil(decode(m, x))[0]):
                if every and (moment.i + 1) % every == 0:
                    keep(of, moment.i + 1, io.to_pil(decode(m, moment.x)))
                yield moment
        finally:
            if student:
                student.remove()

    def keep(of: Sequence[str], step: int, pictures: Sequence[Image]) -> None:
        for name, picture in zip(of, pictures, strict=True):
            folder = run.folder / "steps" / name.removesuffix(".png")
            folder.mkdir(parents=True, exist_ok=True)
            io.save_image(folder / f"{step}.png", picture, {"of": name})

    def decode(m: Denoiser, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) of what is optimised, one at a time where they are large."""
        import torch

        if settings["space"] == "pixels":
            return x if edited is None else x[..., : edited.size[1], : edited.size[0]]
        show = edited.decode if edited else lambda m, z: m.decode(z)
        with torch.no_grad():
            return torch.cat([show(m, some) for some in x.split(max(1, 64 // len(views)))])

    learns = settings["loss"] == "vsd" or (settings["space"] == "pixels" and origin.factor > 1)
    film = partial(Descent, judged=origin.is_bundled, frames=-(-steps // FRAMES))
    rows = len(views) * (4 if learns else 1)
    result = execute(run, origin, paint, decode, views=rows, most=STUDENTS, trace=trace, film=film)
    forget(run.folder)
    return result


def windows(origin: Checkpoint, settings: dict[str, Any]) -> Windows:
    """The windows over a canvas of --width and --height: one, where it is as large as the model."""
    from synoptic.views.windows import Windows

    f, side, stride = origin.factor, origin.native_size // origin.factor, origin.defaults.stride
    canvas = origin.unet_config["in_channels"], settings["height"] // f, settings["width"] // f
    return Windows(canvas, (side, side), (stride, stride))

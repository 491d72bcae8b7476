"""Inpainting: part of a picture painted anew, the rest of it kept to the last bit (RePaint, Lugmayr et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from synoptic.errors import InputError, check_at_least
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
    Sampler,
    Seed,
    Steps,
    Trace,
)
from synoptic.options.input_image import Given, Picture, Prompt, Size, given, read
from synoptic.options.resolve import settle, warn_unknown
from synoptic.runs.manifest import Result, open_run

if TYPE_CHECKING:
    from torch import Tensor

Mask = Annotated[str, "a picture of the same size: painted anew where it is white, kept where black, mixed where grey"]
Resample = Annotated[int, "how often every stretch of --jump steps is taken, so that both parts agree (RePaint); 1: once"]
Jump = Annotated[int, "how many steps each repeat goes back"]


def inpaint(
    image: Picture,
    mask: Mask,
    prompt: Prompt,
    *,
    resample: Resample = 1,
    jump: Jump = 10,
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
    """Paint the masked part of a picture anew, as the prompt says of the whole picture; the rest stays as it is.

    synoptic inpaint horse.png mask.png "a photo of a horse at night" --resample 4 --jump 5
    """
    source, settings = settle(locals())
    check_at_least("--resample", resample, 1)
    check_at_least("--jump", jump, 1)
    picture = given(source, settings)
    hole = mask_of(picture, settings)
    run = open_run("inpaint", settings, out)
    picture.keep(run)
    warn_unknown(source, settings["prompt"])

    from synoptic import io
    from synoptic.diffusion import solvers
    from synoptic.diffusion.equations import randn
    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.io import blending
    from synoptic.runs.execute import execute
    from synoptic.sampling import inpaint as painting
    from synoptic.sampling.joint import joint_predict

    n, f = settings["steps"], source.factor

    def paint(m, prompts, rngs):
        s = m.schedule
        predict = joint_predict(cfg(m, prompts, settings["guidance"], negative, clip=get_clip(clip, s)), s, picture.views)
        known, x = picture.encode(m), randn(picture.views.canvas, rngs).to(m.device)
        coarse = blending.downsample_mask(picture.padded(hole), f).to(m.device)
        how = {"steps": solvers.timestep_pairs(sampler, s, n), "solver": solvers.get_solver(sampler, eta), "rngs": rngs}
        how |= {"resample": resample, "jump": jump, "reach": blending.REACH}
        return painting.inpaint(predict, s, x, known.expand_as(x), coarse, **how)

    def decode(m, z):
        return blending.composite(picture.decode(m, z).cpu(), picture.pixels, hole)

    walk = painting.repaint_schedule([(t, t - 1) for t in range(n)], jump, resample)
    result = execute(run, source, paint, decode, views=len(picture.views), steps=len(walk), trace=trace)
    shown = [picture.image, *io.to_pil((1 - hole) * picture.pixels), *result.images]
    labels = ["original", "to be painted: grey", *(f"seed {p.seed}" for p in run.pictures)]
    io.save_image(run.folder / "figure.png", io.image_grid(shown, labels, len(shown)), {"settings": run.settings})
    return result


def mask_of(picture: Given, settings: dict[str, Any]) -> Tensor:
    """The mask (1, 1, H, W) in [0, 1] at the size that the picture is worked on. Raises InputError where it does not fit."""
    from synoptic.io import from_pil

    found, original = read(settings["mask"]), read(settings["image"])
    if found.size != original.size:
        (w, h), (v, g) = found.size, original.size
        raise InputError(f"a mask must have its picture's size, {v}x{g}; {settings['mask']} is {w}x{h}: resize one of them")
    mask = (from_pil(found.convert("L").resize(picture.size))[:, :1] + 1) / 2
    if not mask.any():
        raise InputError(
            f"a mask is white where the picture is painted anew, {settings['mask']} is black: paint some of it white"
        )
    return mask

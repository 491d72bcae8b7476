"""Flow transformers at sizes that are no power of two, upright and wide, against diffusers' own pipelines.

A view of h x w latents is shifted by its own tokens; what guides it does not depend on its shape.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import synoptic
from synoptic.diffusion.equations import randn
from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.diffusion.solvers import get_solver
from synoptic.guidance.cfg import cfg
from synoptic.models.transformer import with_guidance_scale
from synoptic.sampling.single import sample
from tests.quick import quick_ones, slow_ones
from tests.test_parity_flow import NEGATIVE, PROMPTS, SEED, STEPS, check, diffusers, last

PIPELINES = {
    "sd3": "StableDiffusion3",
    "flux-dev": "Flux",
    "flux-schnell": "Flux",
    "z-image": "ZImage",
    "qwen-image": "QwenImage",
    "klein": "Flux2Klein",
    "sana": "Sana",
    "pixart": "PixArtSigma",
}
SIZES = [
    (22, 14),
    pytest.param((10, 26), marks=pytest.mark.slow),
]  # of latents: 77 tokens upright, 65 wide, of squares of two
EMBEDDED = 2.5  # FLUX.1-dev's own scale, beside classifier-free guidance
SCALE = 3.0


def ours(model: Any, size: tuple[int, int], sampler: str) -> tuple[Tensor, Tensor]:
    """Return start noise and our latents, guided against a negative prompt."""
    h, w = size
    model = with_guidance_scale(model, EMBEDDED)
    x = randn((model.shape[0], h, w), [torch.Generator().manual_seed(SEED) for _ in PROMPTS])
    s, side = model.schedule, model.checkpoint.downsampling
    if isinstance(s, FlowMatchingSchedule):
        s = replace(s, tokens=(h // side) * (w // side))
    negative = "" if model.checkpoint.name.endswith(("sana", "klein")) else NEGATIVE  # what their pipelines compare with
    predict = cfg(model, PROMPTS, SCALE, negative)
    return x, last(sample(predict, model.schedule, x, steps=s.steps(STEPS), solver=get_solver(sampler)))


def theirs(name: str, pipe: Any, x: Tensor, size: tuple[int, int], factor: int) -> Tensor:
    """Return the latents (B, C, h, w) of the family's pipeline from the same noise."""
    kind, (h, w) = PIPELINES[name], size
    given: dict[str, Any] = {"latents": x, "height": h * factor, "width": w * factor, "num_inference_steps": STEPS}
    given |= {"prompt": list(PROMPTS), "output_type": "latent", "guidance_scale": SCALE}
    if kind in ("Flux", "QwenImage"):
        given |= {"latents": pipe._pack_latents(x, len(x), *x.shape[1:]), "true_cfg_scale": SCALE}
        given["guidance_scale"] = EMBEDDED if kind == "Flux" else None
    if kind not in ("Sana", "Flux2Klein"):
        given["negative_prompt"] = [NEGATIVE] * len(PROMPTS)
    match kind:
        case "StableDiffusion3":
            given["max_sequence_length"] = 256
        case "Flux":
            given["max_sequence_length"] = 256 if name == "flux-schnell" else 512
        case "ZImage":
            given["guidance_scale"] = SCALE - 1
        case "Flux2Klein":
            given |= {"latents": pipe._patchify_latents(x), "text_encoder_out_layers": (1, 2, 3)}
        case "Sana":
            given["use_resolution_binning"] = False
        case "PixArtSigma":
            given |= {"use_resolution_binning": False, "clean_caption": False, "max_sequence_length": 300}
    found = pipe(**given).images
    if kind in ("Flux", "QwenImage"):
        found = pipe._unpack_latents(found, h * factor, w * factor, pipe.vae_scale_factor)
    if kind == "Flux2Klein":  # whose latents are the VAE's own, with the BatchNorm undone
        std = (pipe.vae.bn.running_var + pipe.vae.config.batch_norm_eps).sqrt()
        mean = pipe.vae.bn.running_mean
        found = pipe._unpatchify_latents((pipe._patchify_latents(found) - mean[:, None, None]) / std[:, None, None])
    return found[:, :, 0] if kind == "QwenImage" else found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", quick_ones(PIPELINES, ["flux-dev", "qwen-image"]))
def test_upright_and_wide_views_equal_the_pipelines(name, size, flow_folder, flow_model):
    model = flow_model(name)
    pipe = getattr(diffusers, PIPELINES[name] + "Pipeline").from_pretrained(flow_folder(name))
    pipe.set_progress_bar_config(disable=True)
    if name == "sana":  # whose pipeline wants sides that 32 pixels divide, of this tiny one 16 latents
        size = tuple(16 * round(side / 8) for side in size)
    if name == "pixart":  # DPM-Solver++ of first order is DDIM
        pipe.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(pipe.scheduler.config, solver_order=1)
    x, found = ours(model, size, "dpm++" if name == "sana" else "ddim")
    check(found, theirs(name, pipe, x, size, model.factor))


@pytest.mark.parametrize("name", slow_ones(["flux-dev", "qwen-image", "klein"], ["flux-dev", "qwen-image"]))
def test_a_native_side_of_an_odd_number_of_tokens_has_its_own_shift(name, flow_folder, flow_model):
    """11 tokens a side, 176 pixels: steps as the pipeline's scheduler takes them, and pictures of that size."""
    model = flow_model(f"{name}-odd")
    assert (model.checkpoint.native_size, model.checkpoint.tokens) == (176, 121)
    *_, step = synoptic.generate.steps(model, PROMPTS, steps=2, upscalers="none")
    assert step.canvas.shape[-2:] == (22, 22)
    pipe = getattr(diffusers, PIPELINES[name] + "Pipeline").from_pretrained(flow_folder(f"{name}-odd"))
    pipe.set_progress_bar_config(disable=True)
    given: dict[str, Any] = {"text_encoder_out_layers": (1, 2, 3)} if name == "klein" else {}
    pipe(prompt=PROMPTS[:1], height=176, width=176, num_inference_steps=STEPS, output_type="latent", **given)
    times = torch.tensor([t for t, _ in model.schedule.steps(STEPS)])
    torch.testing.assert_close(times.float(), pipe.scheduler.timesteps.float(), rtol=0, atol=1e-3)
    square = torch.tensor([t for t, _ in flow_model(name).schedule.steps(STEPS)])
    assert (times - square).abs().max() > 0.1  # a hundred times the bound above: the shift is the size's own

"""Flow transformers against diffusers' own pipelines: from the same noise the same latents, to 1e-5 of the largest."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import synoptic
from synoptic.diffusion.equations import randn
from synoptic.io import from_pil, to_pil
from tests.quick import slow_ones

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
PROMPTS = ["a lion", "an oil painting of a horse in the snow at sunset and a red mug on a table"]
NEGATIVE = "a pencil sketch"
STEPS, SEED = 4, 3
FAMILIES = {"sd3": "StableDiffusion3", "flux": "Flux", "z": "ZImage", "pixart": "PixArtSigma"}
GUIDANCE: dict[str, list[dict[str, Any]]] = {  # ours, which are diffusers' own names
    "sd3": [{"guidance_scale": 5.0}, {"guidance_scale": 5.0, "negative_prompt": NEGATIVE}, {"guidance_scale": 1.0}],
    "flux-dev": [{"guidance_scale": 3.5}, {"guidance_scale": 2.0, "true_cfg_scale": 3.0, "negative_prompt": NEGATIVE}],
    "z-image": [{"guidance_scale": 1.0}, {"guidance_scale": 6.0, "negative_prompt": NEGATIVE}],
    "flux-schnell": [{}, {"guidance_scale": 3.0, "negative_prompt": NEGATIVE}],
}


def baseline(name: str, folder: Path, kind: str = "Pipeline") -> Any:
    pipe = getattr(diffusers, FAMILIES[name.split("-")[0]] + kind).from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs(pipe: Any, name: str, side: int, **how: Any) -> Tensor:
    """diffusers' latents (B, C, h, w), of the guidance that is ours in its words."""
    flux = name.startswith("flux")
    if name.startswith("flux-schnell") and "guidance_scale" in how:
        how["true_cfg_scale"] = how.pop("guidance_scale")
    if "negative_prompt" in how:
        how["negative_prompt"] = [how["negative_prompt"]] * len(PROMPTS)
    if name.startswith("z-image"):  # which counts from 0, and writes its template into the lists that it is given
        how["guidance_scale"] -= 1
    how["max_sequence_length"] = 256 if name.startswith(("sd3", "flux-schnell")) else 512
    found = pipe(prompt=list(PROMPTS), num_inference_steps=STEPS, output_type="latent", **how).images
    return pipe._unpack_latents(found, side, side, pipe.vae_scale_factor) if flux else found


def last(steps: Any) -> Tensor:
    *_, step = steps
    return step.canvas


def check(ours: Tensor, other: Tensor) -> None:
    assert ours.shape == other.shape and other.std() > 0.1
    assert (ours - other).abs().max() <= 1e-5 * other.abs().max()


def noise(model: Any) -> Tensor:
    return randn(model.shape, [torch.Generator().manual_seed(SEED) for _ in PROMPTS])


@pytest.mark.parametrize(
    "name",
    [
        *("sd3", "flux-dev", "z-image"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("flux-schnell", "sd3-large", "flux-dev-large", "z-image-large")
        ),
    ],
)
def test_generate_equals_the_familys_pipeline(name, flow_folder, flow_model):
    """Two sizes, both kinds of guidance, a negative prompt, two prompts of different length."""
    model, pipe = flow_model(name), baseline(name, flow_folder(name))
    side, x = model.checkpoint.native_size, noise(model)
    latents = pipe._pack_latents(x, len(x), *x.shape[1:]) if name.startswith("flux") else x
    for how in GUIDANCE[name.removesuffix("-large")]:
        ours = last(synoptic.generate.steps(model, PROMPTS, steps=STEPS, seed=SEED, upscalers="none", **how))
        check(ours, theirs(pipe, name, side, latents=latents, height=side, width=side, **how))


@pytest.mark.parametrize("name", ["pixart", pytest.param("pixart-large", marks=pytest.mark.slow)])
def test_generate_equals_pixarts_pipeline(name, flow_folder, flow_model):
    """DPM-Solver++ of first order is DDIM."""
    model, pipe = flow_model(name), baseline(name, flow_folder(name))
    pipe.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(pipe.scheduler.config, solver_order=1)
    side, binning = model.checkpoint.native_size, {"use_resolution_binning": False, "clean_caption": False}
    for how in GUIDANCE["sd3"]:
        ours = last(synoptic.generate.steps(model, PROMPTS, steps=STEPS, seed=SEED, upscalers="none", **how))
        given = {"latents": noise(model), "height": side, "width": side, "max_sequence_length": 300, **binning, **how}
        null = [given.pop("negative_prompt", "")] * len(PROMPTS)
        other = pipe(prompt=PROMPTS, negative_prompt=null, num_inference_steps=STEPS, output_type="latent", **given).images
        check(ours, other)


@pytest.mark.parametrize("name", slow_ones(["sd3", "flux-dev", "z-image"], ["sd3", "z-image"]))
def test_edit_equals_the_familys_image_to_image_pipeline(name, flow_folder, flow_model, blobs):
    model, pipe = flow_model(name), baseline(name, flow_folder(name), "Img2ImgPipeline")
    picture, side = blobs[0].resize((128, 128)), model.checkpoint.native_size
    how = GUIDANCE[name][1]
    ours = last(synoptic.edit.steps(model, picture, PROMPTS[0], strength=0.75, steps=STEPS, seed=SEED, **how))
    latents = model.encode(from_pil(picture)).expand(len(PROMPTS), -1, -1, -1)
    generators = [torch.Generator().manual_seed(SEED) for _ in PROMPTS]
    more = {"height": side, "width": side, "strength": 0.75, "generator": generators}
    check(ours, theirs(pipe, name, side, image=latents, **more, **how)[:1])


@pytest.mark.parametrize("name", slow_ones(["sd3", "flux-dev", "flux-schnell"], ["flux-dev", "flux-schnell"]))
def test_pictures_are_those_of_the_pipeline(name, flow_folder, flow_model):
    model, pipe = flow_model(name), baseline(name, flow_folder(name))
    x = noise(model)
    decode = partial(pipe.vae.decode, return_dict=False)
    pictures = decode(x / pipe.vae.config.scaling_factor + pipe.vae.config.shift_factor)[0]
    torch.testing.assert_close(model.decode(x), pictures, rtol=0, atol=1e-5)
    again = pipe.vae.encode(pictures).latent_dist.mode()
    again = (again - pipe.vae.config.shift_factor) * pipe.vae.config.scaling_factor
    torch.testing.assert_close(model.encode(pictures), again, rtol=0, atol=1e-5)
    assert to_pil(pictures)[0].size == (128, 128)

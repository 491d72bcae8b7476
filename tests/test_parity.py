"""Against diffusers' own pipelines: from the same noise, in float32, the same latents to 1e-4 and the same pictures."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import synoptic
from synoptic.diffusion.equations import ddim_solver, randn
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.sampling.joint import Sync, canonical
from synoptic.sampling.single import sample
from synoptic.views.windows import Windows
from tests.quick import slow_ones

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
TOLERANCE = 1e-4
STEPS = 4  # diffusers' DDIM steps meet only where their number divides 1000
PROMPTS = ["a photo of snowy mountains at sunset", "an oil painting of a horse"]
NEGATIVE = "a pencil sketch"
SCALE = 2.5


def test_sd_equals_its_pipeline(plain, sd32):
    plain(baseline("StableDiffusionPipeline", BUNDLED_DIR / "sd"), sd32, NEGATIVE, output_type="latent")


def test_if_equals_its_pipeline(plain, pixel32):
    pipe = baseline("IFPipeline", BUNDLED_DIR / "if")
    pipe.unet.to(memory_format=torch.channels_last)  # as ours: the two layouts themselves part by 1.6e-4
    plain(pipe, pixel32, NEGATIVE, output_type="pt", clean_caption=False)


@pytest.mark.parametrize("negative", slow_ones([NEGATIVE, None], [NEGATIVE]), ids=["negative", "zeros for an empty one"])
def test_sdxl_equals_its_pipeline(tiny_sdxl, negative):
    pipe, model = baseline("StableDiffusionXLPipeline", tiny_sdxl), load(str(tiny_sdxl), device="cpu", dtype="float32")
    assert gap(theirs(pipe, STEPS, 0, negative, output_type="latent"), ours(model, STEPS, 0, negative or "")) <= TOLERANCE


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param({"prediction_type": "v_prediction"}, marks=pytest.mark.slow),
        {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True},
        pytest.param({"prediction_type": "sample", "set_alpha_to_one": True}, marks=pytest.mark.slow),
    ],
    ids=["v", "v zero terminal SNR", "x0"],
)
def test_every_prediction_type_equals_its_pipeline(tiny_sd, tmp_path, kind):
    directory = shutil.copytree(tiny_sd, tmp_path / "model")
    config = directory / "scheduler/scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | kind))
    pipe, model = baseline("StableDiffusionPipeline", directory), load(str(directory), device="cpu", dtype="float32")
    assert gap(theirs(pipe, STEPS, 0, NEGATIVE, output_type="latent"), ours(model, STEPS, 0, NEGATIVE)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
def test_steps_that_do_not_divide_equal_the_pipeline_of_a_class_whose_steps_meet(tiny_sd, tmp_path, spacing):
    """DPM-Solver++ of first order is DDIM."""
    directory = shutil.copytree(tiny_sd, tmp_path / "model")
    config = directory / "scheduler/scheduler_config.json"
    kind = {"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": spacing, "set_alpha_to_one": True}
    config.write_text(json.dumps(json.loads(config.read_text()) | kind))
    pipe, model = baseline("StableDiffusionPipeline", directory), load(str(directory), device="cpu", dtype="float32")
    pipe.scheduler = diffusers.DPMSolverMultistepScheduler.from_pretrained(directory / "scheduler", solver_order=1)
    for n in (3, 7):
        assert gap(theirs(pipe, n, 0, NEGATIVE, output_type="latent"), ours(model, n, 0, NEGATIVE)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("sync", ["xt", "x0", "eps"])
@pytest.mark.parametrize("wrap", [False, True], ids=["open", "loop"])
def test_windows_equal_multidiffusion_as_diffusers_ships_it(panorama, tiny_sd, sync, wrap):
    latents, z = panorama(tiny_sd, 512, 768, wrap), windows(tiny_sd, 512, 768, wrap, sync)
    assert gap(latents, z) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("sync", ["xt", "x0", "eps"])
@pytest.mark.parametrize("wrap", [False, True], ids=["open", "loop"])
def test_windows_equal_multidiffusion_on_the_bundled_model(panorama, sync, wrap):
    directory = BUNDLED_DIR / "sd"
    latents, z = panorama(directory, 256, 384, wrap), windows(directory, 256, 384, wrap, sync)
    assert gap(latents, z) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "how"),
    [("bundled", "StableDiffusionPipeline", {}), ("bundled-if", "IFPipeline", {"clean_caption": False})],
)
def test_generate_gives_the_pipelines_pictures(name, kind, how):
    asked: dict[str, Any] = {"count": 2, "steps": STEPS, "guidance_scale": SCALE, "negative_prompt": NEGATIVE, "eta": 0.5}
    asked["upscalers"] = "none"
    result = synoptic.generate(name, PROMPTS[0], **asked, clip="none", device="cpu", dtype="float32")
    pipe = baseline(kind, BUNDLED_DIR / name.replace("bundled-if", "if").replace("bundled", "sd"))
    pictures = theirs(pipe, STEPS, 0.5, NEGATIVE, prompts=PROMPTS[:1] * 2, output_type="pil", **how)
    assert levels(result.images, pictures) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("loop", [False, True], ids=["open", "loop"])
def test_wide_gives_the_panorama_pipelines_picture(sd32, panorama, loop):
    size: dict[str, Any] = {"width": 384, "height": 256, "circular": loop, "weights": "uniform"}
    result = synoptic.wide(sd32, PROMPTS[0], steps=STEPS, guidance_scale=SCALE, **size)
    assert levels(result.images, panorama(BUNDLED_DIR / "sd", 256, 384, loop, output_type="pil")) <= 1


def gap(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape and a.std() > 0.1
    return (a - b).abs().max().item()


def levels(ours, theirs) -> int:
    """The largest difference between two lists of pictures, in 8-bit levels."""
    pairs = zip(ours, theirs, strict=True)
    return max(int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max()) for a, b in pairs)


def rngs(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def ours(model, steps: int, eta: float, negative: str) -> Tensor:
    noise, s = rngs(len(PROMPTS)), model.schedule
    predict = cfg(model, PROMPTS, SCALE, negative)
    x = randn(model.shape, noise)
    return list(sample(predict, s, x, steps=s.steps(steps), solver=ddim_solver(eta), rngs=noise))[-1].x


def theirs(pipe, steps: int, eta: float, negative: str | None, prompts: list[str] = PROMPTS, **how) -> Any:
    null = negative if negative is None else [negative] * len(prompts)
    given = {"num_inference_steps": steps, "guidance_scale": SCALE, "eta": eta, "negative_prompt": null}
    return pipe(prompts, **given, generator=rngs(len(prompts)), **how).images


@pytest.fixture(
    params=[(2, 0.0), *(pytest.param(how, marks=pytest.mark.slow) for how in ((STEPS, 0.0), (2, 0.5)))],
    ids=["2 steps", "4 steps", "eta 0.5"],
)
def plain(request) -> Callable[..., None]:
    steps, eta = request.param

    def check(pipe, model, negative, **how):
        assert gap(theirs(pipe, steps, eta, negative, **how), ours(model, steps, eta, negative)) <= TOLERANCE

    return check


def windows(directory: Path, height: int, width: int, wrap: bool, sync: Sync) -> Tensor:
    """Our final canvas of the first prompt."""
    model = load(str(directory), device="cpu", dtype="float32")
    C, side, _ = model.shape
    canvas = C, height // model.factor, width // model.factor
    views = Windows(canvas, (side, side), (8, 8), circular=wrap, weights="uniform")
    predict, s = cfg(model, PROMPTS[:1], SCALE), model.schedule
    return list(canonical(predict, s, views, randn(canvas, rngs(1)), steps=s.steps(STEPS), sync=sync))[-1].x


@pytest.fixture(scope="module")
def panorama() -> Callable[..., Any]:
    """(directory, height, width, wrap) -> latents or pictures of diffusers' MultiDiffusion."""

    @cache
    def run(directory: Path, height: int, width: int, wrap: bool, output_type: str = "latent") -> Any:
        pipe = baseline("StableDiffusionPanoramaPipeline", directory)
        side, f, get_views = pipe.unet.config.sample_size, pipe.vae_scale_factor, pipe.get_views

        def scaled(height, width, circular_padding=False):  # its code takes 8 for every factor, 64 for every window
            return get_views(height * 8 // f, width * 8 // f, side, 8, circular_padding)

        if (side, f) != (64, 8):
            pipe.get_views = scaled
        given = {"num_inference_steps": STEPS, "guidance_scale": SCALE, "view_batch_size": 4, "circular_padding": wrap}
        return pipe(PROMPTS[0], height, width, **given, generator=rngs(1)[0], output_type=output_type).images

    return run


def baseline(kind: str, directory: Path) -> Any:
    """The pipeline as its user loads it, with DDIM from its own scheduler's config and no clipping."""
    pipe: Any = getattr(diffusers, kind).from_pretrained(directory, local_files_only=True)
    free = {"clip_sample": False, "thresholding": False}
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config, **free)
    pipe.scheduler.register_to_config(variance_type="fixed_small")  # IFPipeline: do not hand the variance to the scheduler
    pipe.set_progress_bar_config(disable=True)
    return pipe

"""Upscalers against diffusers' own pipelines, and what stages II and III promise beyond them."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.errors import InputError
from synoptic.guidance.cfg import cfg
from synoptic.models import winograd
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load_upscaler
from synoptic.models.names import ALIASES, BUNDLED_MODELS, UPSCALERS
from synoptic.models.registry import resolve, resolve_upscaler
from synoptic.models.upscaler import Upscaler
from synoptic.sampling.joint import canonical
from synoptic.sampling.single import sample
from synoptic.views.windows import Windows

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
TOLERANCE = 1e-4
PROMPTS = ["a photo of snowy mountains at sunset", "an oil painting of a horse"]
NEGATIVE = "a pencil sketch"
SCALE, STEPS, LEVEL = 3.0, 4, 50


@pytest.fixture(scope="module", autouse=True)
def direct_convolutions() -> Iterator[None]:
    """Load with convolutions as diffusers has them: Winograd's (test_winograd.py) round more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "MAX_BYTES", 0)
        yield


@pytest.fixture(scope="module")
def stage() -> Upscaler:
    return load_upscaler(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def exact() -> Upscaler:
    return load_upscaler(device="cpu", dtype="float64")


@pytest.fixture(scope="module")
def x4(tiny_x4) -> Upscaler:
    return load_upscaler(str(tiny_x4), device="cpu", dtype="float32")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "prompts"), [((64, 64), PROMPTS[:1]), ((24, 40), PROMPTS)], ids=["native", "wide"])
@pytest.mark.parametrize("noised", [True, False], ids=["noised", "plain"])
def test_stage_two_equals_its_pipeline(stage, size, prompts, noised):
    pipe = baseline("IFSuperResolutionPipeline", BUNDLED_DIR / "if-ii", "image_noising_scheduler", noised)
    height, width = (4 * side for side in size)
    pipe.unet.to(memory_format=torch.channels_last)  # as ours: the two layouts by themselves part by up to 2e-4
    theirs = upscaled(pipe, size, prompts, height=height, width=width, output_type="pt", clean_caption=False)
    assert gap(theirs, ours(stage, size, prompts, noised)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("noised", [True, False], ids=["noised", "plain"])
def test_stage_two_is_its_pipeline_where_nothing_is_rounded(exact, noised):
    pipe = baseline("IFSuperResolutionPipeline", BUNDLED_DIR / "if-ii", "image_noising_scheduler", noised, torch.float64)
    theirs = upscaled(pipe, (12, 16), PROMPTS, height=48, width=64, output_type="pt", clean_caption=False)
    assert gap(theirs, ours(exact, (12, 16), PROMPTS, noised)) <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 16), (16, 24)], ids=["native", "wide"])
@pytest.mark.parametrize("noised", [True, False], ids=["noised", "plain"])
def test_stage_three_equals_its_pipeline(tiny_x4, x4, size, noised):
    pipe = baseline("StableDiffusionUpscalePipeline", tiny_x4, "low_res_scheduler", noised)
    draw = rngs(2)
    noise, x = randn((3, *size), draw), randn((4, *size), draw)  # in the order that the pipeline draws them
    theirs = upscaled(pipe, size, PROMPTS, output_type="latent")
    assert gap(theirs, painted(x4, small(2, size), PROMPTS, x, noise if noised else None)) <= TOLERANCE


def test_stage_three_paints_pictures_four_times_as_large(x4):
    assert (x4.scale_factor, x4.factor, x4.shape, x4.num_noise_levels) == (4, 4, (4, 16, 16), 351)
    assert x4.decode(torch.zeros(1, 4, 16, 24)).shape == (1, 3, 64, 96)


def test_what_stage_two_is(stage):
    assert (stage.scale_factor, stage.factor, stage.shape, stage.num_noise_levels) == (4, 1, (3, 256, 256), 1000)
    assert (resolve_upscaler("bundled-if-ii").native_size, stage.device.type, stage.dtype) == (256, "cpu", torch.float32)
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(stage.encode(x), x) and torch.equal(stage.decode(x), x)
    given = stage.denoiser_for(small(1, (8, 8)), LEVEL)
    p = given.predict(x, 500, given.embed(PROMPTS[:1]))
    assert p.var is None and p.x0.shape == x.shape  # its learned variance is not to be sampled with


def test_without_noise_the_level_is_told_all_the_same(stage):
    faint, strong = (stage.denoiser_for(small(1, (8, 8)), level) for level in (0, 400))
    assert torch.equal(faint.embed(PROMPTS[:1]).low_res, strong.embed(PROMPTS[:1]).low_res)
    x = randn((3, 32, 32), rngs(1))
    first, second = (m.predict(x, 500, m.embed(PROMPTS[:1])).x0 for m in (faint, strong))
    assert (first - second).abs().max() > 1e-3


def test_half_precision_does_not_round_the_level():
    """bfloat16 knows 300 but no 299."""
    half, x = load_upscaler(device="cpu", dtype="bfloat16"), randn((3, 32, 32), rngs(1))
    odd, even = (half.denoiser_for(small(1, (8, 8)), level) for level in (299, 300))
    assert not torch.equal(*(m.predict(x, 500, m.embed(PROMPTS[:1])).x0 for m in (odd, even)))


@pytest.mark.slow
def test_a_picture_is_the_same_whatever_the_batch(exact):
    pictures = small(3, (16, 8)).double()
    x, noise = randn((3, 64, 32), rngs(3), pictures), randn((3, 64, 32), rngs(3), pictures)
    prompts = [*PROMPTS, PROMPTS[0]]
    together = painted(exact, pictures, prompts, x, noise)
    assert gap(together, painted(exact, pictures, prompts, x, noise, max_rows=1)) < 1e-9
    alone = [painted(exact, pictures[k, None], [prompts[k]], x[k, None], noise[k, None]) for k in range(3)]
    assert gap(together, torch.cat(alone)) < 1e-9


@pytest.mark.slow
def test_fewer_prompts_serve_as_many_rows_each(stage):
    pictures, x = small(4, (8, 8)), randn((3, 32, 32), rngs(4))
    every = [PROMPTS[0]] * 2 + [PROMPTS[1]] * 2
    assert torch.equal(painted(stage, pictures, PROMPTS, x, None), painted(stage, pictures, every, x, None))
    with pytest.raises(ValueError, match="4 small pictures need as many prompts"):
        stage.denoiser_for(pictures, LEVEL).embed([*PROMPTS, "a cat"])


@pytest.mark.slow
def test_a_wide_canvas_through_windows_keeps_to_the_small_picture(stage):
    picture = scene(16, 48)
    canvas = Windows((3, 64, 192), (64, 64), (32, 32))
    low = stage.low_res(picture, 0)
    given = stage.with_low_res(canvas.project(low), 0)
    predict = cfg(given, PROMPTS[:1], clip=stage.schedule.clip)
    z, s = randn(canvas.canvas, rngs(1)), stage.schedule
    z = list(canonical(predict, s, canvas, z, steps=s.steps(8)))[-1].x
    assert z.shape == (1, 3, 64, 192)
    back = F.interpolate(z, (16, 48), mode="area")
    assert 10 * (4 / (back - picture).square().mean()).log10() > 18  # dB; beside its mirror image, 12


@pytest.mark.slow
def test_windows_of_one_view_are_the_plain_loop(exact):
    whole = Windows((3, 64, 96), (64, 96), (64, 96))
    pictures, s = small(1, (16, 24)).double(), exact.schedule
    z = randn((3, 64, 96), rngs(1), pictures)
    given = exact.with_low_res(whole.project(exact.low_res(pictures, LEVEL)), LEVEL)
    synced = list(canonical(cfg(given, PROMPTS[:1], SCALE, NEGATIVE), s, whole, z, steps=s.steps(STEPS)))[-1].x
    assert gap(synced, painted(exact, pictures, PROMPTS[:1], z, None)) < 1e-9


def test_a_stage_without_a_text_tower_takes_stage_ones(tmp_path, stage, pixel32):
    directory = shutil.copytree(BUNDLED_DIR / "if-ii", tmp_path / "if-ii")
    index = directory / "model_index.json"
    missing = {"text_encoder": [None, None], "tokenizer": [None, None]}
    index.write_text(json.dumps(json.loads(index.read_text()) | missing))
    shutil.rmtree(directory / "text_encoder")
    shutil.rmtree(directory / "tokenizer")
    refused(lambda: load_upscaler(str(directory), device="cpu"), "text encoder", "stage I's")
    lent = load_upscaler(str(directory), device="cpu", dtype="float32", text_encoder=pixel32.text_encoder)
    pictures, x = small(1, (8, 8)), randn((3, 32, 32), rngs(1))
    assert torch.equal(painted(lent, pictures, PROMPTS[:1], x, None), painted(stage, pictures, PROMPTS[:1], x, None))


def test_a_level_or_noise_that_does_not_fit_is_refused(stage, x4):
    for upscaler, last in ((stage, 999), (x4, 350)):
        for level in (-1, last + 1):
            with pytest.raises(ValueError, match=f"between 0 and {last}, not {level}"):
                upscaler.denoiser_for(small(1, (8, 8)), level)
    with pytest.raises(ValueError, match=r"\(1, 3, 32, 32\), not \(1, 3, 8, 8\)"):
        stage.denoiser_for(small(1, (8, 8)), LEVEL, torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("name", [*UPSCALERS, str(BUNDLED_DIR / "if-ii")])
def test_an_upscaler_is_no_model_that_paints_from_prompts(name):
    refused(lambda: resolve(name), name, "enlarges a small picture", "use one of bundled, bundled-if")


@pytest.mark.parametrize("name", [*BUNDLED_MODELS, *ALIASES, str(BUNDLED_DIR / "sd")])
def test_a_model_that_paints_from_prompts_is_no_upscaler(name):
    refused(lambda: resolve_upscaler(name), name, "paints from prompts alone", *UPSCALERS)


def test_an_unknown_upscaler_lists_the_known_ones():
    refused(lambda: resolve_upscaler("nosuch"), "'nosuch'", *UPSCALERS)


def test_recipes_refuse_an_upscaler_before_torch_loads(ask):
    for code, error, heavy in ask([[command, "x", "--model", "bundled-if-ii"] for command in ("generate", "wide")]):
        assert (code, heavy, error.count("\n")) == (2, False, 1)
        assert "bundled-if-ii enlarges a small picture" in error and "use one of bundled" in error


@pytest.mark.parametrize("part", ["image_noising_scheduler", "scheduler"])
def test_a_directory_without_a_schedule_is_refused(tmp_path, part):
    directory = shutil.copytree(BUNDLED_DIR / "if-ii", tmp_path / "if-ii")
    shutil.rmtree(directory / part)
    refused(lambda: load_upscaler(str(directory), device="cpu"), f"{part}/scheduler_config.json", "check it")


def refused(do: Callable[[], object], *words: str) -> None:
    with pytest.raises(InputError) as e:
        do()
    assert "\n" not in str(e.value) and [word for word in words if word not in str(e.value)] == []


def gap(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape and a.std() > 0.1
    return (a - b).abs().max().item()


def rngs(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def small(n: int, size: tuple[int, int]) -> Tensor:
    """n smooth pictures in [-1, 1]."""
    return F.interpolate(randn((3, 4, 4), rngs(n)).tanh(), size, mode="bicubic").clamp(-1, 1)


def scene(height: int, width: int) -> Tensor:
    """A sky that darkens upward over a green hill."""
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 6, width)
    hill = y > 0.65 + 0.2 * x.sin()
    sky = torch.stack([0.2 + 0.6 * y + 0 * x, 0.4 + 0.4 * y + 0 * x, 0.9 + 0 * y + 0 * x])
    return torch.where(hill, torch.tensor([0.2, 0.5, 0.15])[:, None, None], sky)[None] * 2 - 1


def painted(upscaler: Upscaler, pictures: Tensor, prompts: list[str], x: Tensor, noise: Tensor | None, **how) -> Tensor:
    predict, s = cfg(upscaler.denoiser_for(pictures, LEVEL, noise), prompts, SCALE, NEGATIVE, **how), upscaler.schedule
    return list(sample(predict, s, x, steps=s.steps(STEPS)))[-1].x


def ours(upscaler: Upscaler, size: tuple[int, int], prompts: list[str], noised: bool) -> Tensor:
    noise, n = rngs(len(prompts)), len(prompts)
    big, like = (3, *(4 * side for side in size)), torch.empty(0, dtype=upscaler.dtype)
    x = randn(big, noise, like)
    return painted(upscaler, small(n, size).to(like), prompts, x, randn(big, noise, like) if noised else None)


def upscaled(pipe: Any, size: tuple[int, int], prompts: list[str], **how) -> Tensor:
    n = len(prompts)
    given = {"num_inference_steps": STEPS, "guidance_scale": SCALE, "negative_prompt": [NEGATIVE] * n, "noise_level": LEVEL}
    return pipe(prompts, image=small(n, size), generator=rngs(n), **given, **how).images


def baseline(kind: str, directory: Path, noising: str, noised: bool, dtype: torch.dtype = torch.float32) -> Any:
    """The pipeline as its user loads it, with DDIM from its own scheduler's config and no clipping."""
    pipe: Any = getattr(diffusers, kind).from_pretrained(directory, local_files_only=True, torch_dtype=dtype)
    free = {"clip_sample": False, "thresholding": False}
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config, **free)
    pipe.scheduler.register_to_config(variance_type="fixed_small")  # do not hand the learned variance to the scheduler
    pipe.scheduler.alphas_cumprod = pipe.scheduler.alphas_cumprod.to(dtype)
    pipe.scheduler.final_alpha_cumprod = pipe.scheduler.final_alpha_cumprod.to(dtype)
    getattr(pipe, noising).alphas_cumprod = getattr(pipe, noising).alphas_cumprod.to(dtype)
    if not noised:
        getattr(pipe, noising).add_noise = lambda image, *args, **how: image
    pipe.set_progress_bar_config(disable=True)
    return pipe

"""Wide pictures by every option, circular ones, regions, progressive ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL.Image import Image
from torch.nn.functional import interpolate

import synoptic
from synoptic import io
from synoptic.guidance.cfg import cfg, guidance_interval
from synoptic.metrics.seams import column_differences
from synoptic.options.regions import read_region
from synoptic.options.wide import WideOptions
from synoptic.pipelines.deepcached import deepcached
from synoptic.pipelines.wide import WidePipeline
from synoptic.pipelines.wide_canvas import coverage
from synoptic.sampling.step import Step
from tests.drawings import hills
from tests.quick import quick_ones
from tests.references import assert_like_reference

PROMPTS = ["a photo of snowy mountains", "a photo of the ocean"]
HALF = "0.5,0,1,1: a photo of a lake"
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "native": {"width": 256},
    "odd": {"width": 328, "height": 264, "stride": 16},
    "eps": {"sync": "eps"},
    "xt": {"sync": "xt"},
    "none": {"sync": "none"},
    "instance": {"space": "instance"},
    "circular": {"space": "canonical", "circular": True},
    "uniform": {"weights": "uniform"},
    "unguided": {"guidance_scale": 1.0},
    "negative": {"negative_prompt": "a photo of a dog"},
    "eta": {"eta": 1.0, "sync": "xt", "space": "instance"},
    "ddpm": {"sampler": "ddpm", "sync": "xt"},
    "dpm++": {"sampler": "dpm++", "clip": "dynamic"},
    "shifted": {"windows": "shifted"},
    "thinning": {"windows": "thinning"},
    "collage": {"windows": "collage"},
    "collage-circular": {"windows": "collage", "circular": True, "width": 384},
    "syncdiffusion": {"syncdiffusion_weight": 5.0, "syncdiffusion_steps": 1, "syncdiffusion_anchor": 0.0},
    "syncdiffusion-shifted": {"syncdiffusion_weight": 5.0, "syncdiffusion_every": 2, "windows": "shifted"},
    "regions": {"region": (HALF, "0,0,80,128: a photo of a horse | a photo of a dog | 3")},
    "regions-instance": {"region": (HALF,), "space": "instance", "sync": "xt"},
    "travel": {"prompt_travel": True},
    "travel-collage": {"prompt_travel": True, "windows": "collage"},
    "progressive": {"height": 320, "progressive": 0.5},
    "deepcache": {"deepcache": 2, "guidance_interval": (0.4, 0.8)},
    "fast": {"fast": True},
    "everything": {
        "windows": "shifted",
        "circular": True,
        "syncdiffusion_weight": 5.0,
        "syncdiffusion_steps": 1,
        "region": (HALF,),
        "prompt_travel": True,
        "progressive": 0.7,
        "height": 320,
        "sampler": "dpm++",
        "negative_prompt": "a photo of a dog",
    },
}


QUICK = ("defaults", "deepcache")  # tests/pipelines/test_flow_models.py goes the other ways


@pytest.mark.parametrize("name", quick_ones(OPTIONS, QUICK))
def test_every_option_gives_the_picture_it_gave(name, sd32):
    options = {"width": 320, "steps": 3} | OPTIONS[name]
    prompts = PROMPTS if options.get("prompt_travel") else PROMPTS[:1]
    (image,) = synoptic.wide(sd32, prompts, **options).images
    assert image.size == (options["width"], options.get("height", 256))
    assert_like_reference(f"wide-{name}", image)


@pytest.mark.slow
def test_pixel_models_have_windows_too(pixel32):
    (image,) = synoptic.wide(pixel32, PROMPTS[0], width=96, stride=32, steps=3).images
    assert_like_reference("wide-pixels", image)


@pytest.mark.slow
def test_precisions_agree(sd64, sd32):
    a, b = (synoptic.wide(m, PROMPTS[0], width=288, steps=2).images[0] for m in (sd32, sd64))
    assert (io.from_pil(a) - io.from_pil(b)).abs().max() <= 2 / 127.5


@pytest.mark.slow
def test_every_step_has_its_canvas_and_its_views(sd32):
    for space in ("canonical", "instance"):
        (first, last) = synoptic.wide.steps(sd32, PROMPTS[0], width=320, steps=2, space=space, stride=8)
        assert (first.i, first.n, last.i) == (0, 2, 1) and first.canvas.shape == (1, 8, 32, 40)
        assert first.views is not None and first.views.shape == (2, 8, 32, 32)
        assert last.preview().size == (320, 256) and last.preview(side=20).width == 160


def pipeline(model: Any, **named: Any) -> WidePipeline:
    asked = WideOptions.from_arguments(PROMPTS[0], **{"steps": 2, "stride": 16} | named)
    return WidePipeline(model, asked.resolve(model.checkpoint))


def end(model: Any, z: torch.Tensor, **named: Any) -> torch.Tensor:
    wide = pipeline(model, width=8 * z.shape[-1], height=8 * z.shape[-2], **named)
    *_, last = wide._denoise(wide.canvas, wide.options.items(), z, [torch.Generator().manual_seed(0)])
    return last.x


def start(size: tuple[int, int]) -> torch.Tensor:
    return torch.randn((1, 8, *size), generator=torch.Generator().manual_seed(5))


@pytest.mark.slow
@pytest.mark.parametrize("windows", ["dense", "collage"])
def test_a_circular_picture_rolls_with_its_noise(sd32, windows):
    z = start((32, 64))
    a, b = (end(sd32, u, circular=True, windows=windows) for u in (z, z.roll(16, -1)))
    torch.testing.assert_close(b, a.roll(16, -1), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "lies_on_it",
    [
        {"region": ("0.8,0,1,1: a photo of the ocean",), "steps": 8},
        {"region": ("0,0,1,0.5: a photo of the ocean",)},
        {"progressive": 0.5, "height": 384, "width": 768},
        {"control": hills(), "condition": ("canny", "scribble"), "width": 384},
        {"syncdiffusion_weight": 5.0, "syncdiffusion_steps": 1, "width": 320},
    ],
    ids=["region at an end", "region around", "progressive", "control", "syncdiffusion"],
)
def test_what_lies_on_a_circular_picture_closes_too(sd32, lies_on_it):
    """A forest whose right end was an ocean jumped ten times as far from its last column to its first as elsewhere."""
    how: dict[str, Any] = {"width": 512, "steps": 4, "stride": 16, "circular": True} | lies_on_it
    (image,) = synoptic.wide(sd32, "a photo of a forest", **how).images
    jumps = column_differences(image)
    assert jumps[0] <= 2 * jumps[1:].median()


@pytest.mark.slow
def test_a_circular_picture_is_decoded_so_that_its_rolled_picture_is_the_picture_rolled(sd32):
    z, canvas = 0.5 * start((32, 40)), pipeline(sd32, width=320, circular=True).canvas
    with torch.no_grad():
        a, b = (canvas.decode(u, sd32) for u in (z, z.roll(1, -1)))
        far = (b - a.roll(8, -1)).abs()
        assert far.mean() < 0.01  # the decoder's norms and attention see the whole picture, so it is not exact
        plain = (sd32.decode(z.roll(1, -1)) - sd32.decode(z).roll(8, -1)).abs()
    assert far[..., :16].mean() < 0.2 * plain[..., :16].mean()


@pytest.mark.slow
def test_a_progressive_picture_follows_the_small_one(sd32):
    wide = pipeline(sd32, width=576, height=384, progressive=0.5)
    assert wide.canvas.small().size == (32, 48) and wide.num_steps == 3
    z = start((32, 48))
    step = Step(0, 0, z, z, decode=sd32.decode)
    with torch.no_grad():
        noised = wide._enlarge(step, [torch.Generator().manual_seed(0)])
        a, sigma = sd32.schedule(sd32.schedule.steps(2)[1][0])
        clean = (noised - sigma * torch.randn((1, 8, 48, 72), generator=torch.Generator().manual_seed(0))) / a
        seen = interpolate(sd32.decode(clean), (256, 384), mode="area")
        assert (seen - sd32.decode(z)).abs().mean() < 0.5 * (seen - sd32.decode(z.flip(-1))).abs().mean()


@pytest.mark.slow
@torch.no_grad()
def test_guidance_acts_between_two_times_only(sd32):
    x = torch.randn(2, *sd32.shape, generator=torch.Generator().manual_seed(0))[..., :16, :16]
    guided, alone = (cfg(sd32, PROMPTS, scale) for scale in (5.0, 1.0))
    predict = guidance_interval(guided, alone, 800, 200)
    for t, part in ((900, alone), (800, guided), (500, guided), (200, guided), (199, alone)):
        assert torch.equal(predict(x, t).eps, part(x, t).eps)


@pytest.mark.slow
def test_an_interval_of_all_steps_and_a_cache_of_every_step_change_nothing(sd32):
    how: list[dict[str, Any]] = [{}, {"guidance_interval": (0, 1)}, {"deepcache": 1}, {"deepcache": 2}, {"deepcache": 3}]

    def made(named: dict[str, Any]) -> Image:
        return synoptic.wide(sd32, PROMPTS[0], width=288, stride=16, steps=12, **named).images[0]

    plain, whole, one, two, three = map(made, how)
    assert plain.tobytes() == whole.tobytes() == one.tobytes() != two.tobytes() != three.tobytes()
    a, b = (io.from_pil(image) for image in (plain, two))
    assert (a - b).abs().mean() < 0.2 * a.std()


def test_the_whole_network_runs_where_guidance_begins(sd32):
    options = pipeline(sd32, steps=10, deepcache=4, guidance_interval=(0.3, 1.0)).options
    model: Any = deepcached(sd32, options, 2)
    steps = sd32.schedule.steps(10)
    assert model.unet.deepcache.full_times == {steps[k][0] for k in (2, 6, 3)}
    assert deepcached(sd32, pipeline(sd32).options) is sd32


def test_regions_cover_what_they_say(tmp_path):
    half = read_region("0,0,0.5,1: a horse", 200, 100, "", 5.0)
    assert coverage(half, 4, 8).sum() == 16 and coverage(half, 4, 8)[:, :4].min() == 1
    white = torch.ones(1, 3, 10, 20)
    white[..., 10:] = -1
    io.save_image(tmp_path / "mask.png", io.to_pil(white)[0], {})
    mask = read_region(f"{tmp_path}/mask.png: a lake", 200, 100, "", 5.0)
    torch.testing.assert_close(coverage(mask, 4, 8), coverage(half, 4, 8))


@pytest.mark.slow
def test_a_traveling_picture_is_scored_square_by_square(sd32, clip_model):
    how: dict[str, Any] = {"width": 512, "steps": 5, "stride": 16, "prompt_travel": True}
    result, turned = (synoptic.wide(sd32, prompts, **how) for prompts in (PROMPTS, PROMPTS[::-1]))
    (image,), (item,) = result.images, result.items
    assert result.pipeline and turned.pipeline
    assert result.pipeline.score(clip_model, image, item) > turned.pipeline.score(clip_model, image, turned.items[0]) + 0.1

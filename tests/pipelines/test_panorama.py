"""Whole spheres by every option, and what a run of them leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import synoptic
from synoptic import io
from synoptic.metrics.seams import closing_seam
from synoptic.models.unet import UNet
from synoptic.options.panorama import PanoramaOptions
from synoptic.pipelines.panorama import PanoramaPipeline
from synoptic.runs.closing import main_file
from synoptic.views.directions import Direction
from synoptic.views.horizon import HorizonRing
from synoptic.views.pixel_space import PixelSpace
from synoptic.views.sphere import perspective
from tests.drawings import hills
from tests.references import assert_like_reference

DUNES, OCEAN = "a photo of desert dunes", "a photo of the ocean"
CUBE: dict[str, Any] = {"num_views": 6, "fov": 100.0, "steps": 3, "height": 64}  # as few views as see everything
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "latents": {"pixels_from": 1},
    "at-once": {"horizon_first": 0},
    "eps": {"sync": "eps"},
    "xt": {"sync": "xt"},
    "none": {"sync": "none"},
    "dpm++": {"sampler": "dpm++", "clip": "dynamic"},
    "ddpm": {"sampler": "ddpm"},
    "eta": {"eta": 1.0},
    "travel": {"prompt_travel": True},
    "regions": {"region": ("90,-90,-90,90: a photo of a forest",), "prompt_up": OCEAN, "prompt_down": DUNES},
    "negative": {"negative_prompt": "a photo of a dog", "guidance_scale": 3.0},
}


def test_a_panorama_is_twice_as_wide_as_high_and_is_measured(sd32):
    result = synoptic.panorama(sd32, DUNES, **CUBE | {"steps": 1, "pixels_from": 1})
    (output,) = result.outputs
    assert output.image.size == (128, 64) and 'FullPanoWidthPixels="128"' in output.xmp
    assert output.figures["seen_twice"] < 0.5 and output.figures["agreement"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_gives_the_picture_it_gave(name, sd32):
    prompts = [DUNES, OCEAN] if OPTIONS[name].get("prompt_travel") else [DUNES]
    (image,) = synoptic.panorama(sd32, prompts, **CUBE | OPTIONS[name]).images
    assert image.size == (128, 64)
    assert_like_reference(f"panorama-{name}", image)


@pytest.mark.slow
def test_pixel_models_paint_spheres_too(pixel32):
    (image,) = synoptic.panorama(pixel32, DUNES, **CUBE).images
    assert_like_reference("panorama-pixels", image)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sd32", "pixel32"])
def test_a_photo_stays_in_front_and_the_rest_goes_on_from_it(model, request):
    photo, how = hills(), {"steps": 8, "photo_fov": 60.0, "height": 128}
    (image,) = synoptic.panorama(request.getfixturevalue(model), DUNES, photo=photo, **CUBE | how).images
    small = io.from_pil(photo.resize((64, 64 * photo.height // photo.width)))
    seen = perspective(io.from_pil(image), Direction(0.0, 0.0), 60.0, (small.shape[2], small.shape[3]))
    middle = (slice(None), slice(None), slice(5, -5), slice(5, -5))
    assert (seen - small)[middle].abs().mean() < 0.1


@pytest.mark.slow
def test_stable_diffusion_of_another_size_does(tiny_sd):
    found = synoptic.panorama(str(tiny_sd), DUNES, **CUBE | {"steps": 2, "height": None}, dtype="float32")
    assert found.images[0].size[0] == 2 * found.images[0].size[1] == 2 * 704


def pipeline(model: Any, **named: Any) -> PanoramaPipeline:
    return PanoramaPipeline(model, PanoramaOptions.from_arguments(DUNES, **CUBE | named).resolve(model.checkpoint))


def test_views_meet_in_latents_then_in_pixels_the_horizon_first(sd32):
    views = pipeline(sd32, steps=8, horizon_first=0.75, pixels_from=0.5).views
    kinds = [views.at_step(i) for i in range(8)]
    assert [isinstance(kind, PixelSpace) for kind in kinds] == [False] * 4 + [True] * 4
    inner = [kind.inner if isinstance(kind, PixelSpace) else kind for kind in kinds]
    assert [isinstance(kind, HorizonRing) for kind in inner] == [True] * 6 + [False] * 2
    assert [kind.canvas for kind in inner[::4]] == [(8, 44, 88), (8, 352, 704)]


@pytest.mark.parametrize(("first", "calls"), [(0, [(6, 2)]), (0.1, [(4, 2), (2, 1)])])
def test_views_that_are_all_guided_are_asked_in_one_call(sd32, first, calls, monkeypatch):
    seen, call = list[int](), UNet.__call__
    monkeypatch.setattr(UNet, "__call__", lambda self, x, t, cond: seen.append(len(x)) or call(self, x, t, cond))
    painting = pipeline(sd32, steps=2, horizon_first=first, pixels_from=1)
    steps = painting.steps(painting.options.items())
    next(steps)
    seen.clear()
    next(steps)
    assert seen == [views * conditions for views, conditions in calls]
    assert [(asked.views, asked.conditions) for asked in painting.calls_at(1)] == calls


@pytest.mark.slow
def test_a_sky_with_words_of_its_own_joins_before_a_ground_without(sd32):
    words: dict[str, Any] = {"steps": 10, "prompt_up": "a photo of the sky"}
    views = pipeline(sd32, **words).views
    around, sky = [0, 1, 2, 3], [0, 1, 2, 3, 4]
    assert [tuple(stage) for stage in views.stages] == [(0, around), (3, sky), (9, [*range(6)])]
    steps = list(synoptic.panorama.steps(sd32, DUNES, **CUBE | words))
    assert [len(step.views) for step in steps if step.views is not None] == [4] * 3 + [5] * 6 + [6]

    def detail_below(**how: Any) -> float:
        (image,) = synoptic.panorama(sd32, DUNES, **CUBE | words | how).images
        ground = perspective(io.from_pil(image), Direction(0.0, -90.0), 90.0, (32, 32))
        return (ground - ground.mean((2, 3), keepdim=True)).square().mean().item()

    assert detail_below() < 0.5 * detail_below(horizon_first=0.3)  # where the ground, which has no words, joins with the sky


@pytest.mark.slow
def test_every_step_has_its_views_and_a_preview(sd32):
    steps = list(synoptic.panorama.steps(sd32, DUNES, **CUBE, horizon_first=0.5))
    shapes = [step.views is not None and step.views.shape for step in steps]
    assert shapes == [(4, 8, 32, 32)] * 2 + [(6, 8, 32, 32)]
    assert {step.preview().width for step in steps[:1]} == {512} and steps[-1].preview(side=64).width == 64
    assert steps[-1].images()[0].size == (704, 352)


@pytest.mark.slow
def test_a_picture_does_not_depend_on_the_others_of_its_batch(sd32):
    both = synoptic.panorama(sd32, DUNES, **CUBE, count=2, seed=4).images
    (alone,) = synoptic.panorama(sd32, DUNES, **CUBE, seed=5).images
    assert (io.from_pil(both[1]) - io.from_pil(alone)).abs().max() <= 2 / 127.5


@pytest.mark.slow
def test_agreement_is_what_makes_one_picture_of_the_views(sd32):
    together, latents, apart = (
        synoptic.panorama(sd32, DUNES, **CUBE, **named)
        for named in ({"horizon_first": 0}, {"horizon_first": 0, "pixels_from": 1}, {"sync": "none"})
    )
    dB = [result.outputs[0].figures["agreement"] for result in (together, latents, apart)]
    assert dB[0] > dB[1] + 3 > dB[2] + 6
    assert closing_seam(together.images[0], 1) < 2


@pytest.mark.slow
def test_the_sky_goes_on_from_the_horizon_where_that_is_painted_first(sd32):
    """All at once, the views that look up show dunes of their own; so the sky has as much contrast as the dunes."""

    def contrast_above(**named: Any) -> float:
        (image,) = synoptic.panorama(sd32, DUNES, **CUBE | {"steps": 8, "pixels_from": 1} | named).images
        return perspective(io.from_pil(image), Direction(0.0, 90.0), 80.0, (64, 64)).std((2, 3)).mean().item()

    assert contrast_above() < 0.5 * contrast_above(horizon_first=0)


@pytest.mark.slow
def test_a_run_leaves_a_picture_for_viewers_a_cube_map_a_page_and_a_film(tmp_path: Path):
    run = synoptic.run("panorama", "a photo of </script> dunes", out=str(tmp_path), **CUBE | {"steps": 1}, device="cpu")
    (picture,) = run.pictures
    png = tmp_path / picture.file
    with Image.open(png.with_suffix(".jpg")) as image:
        assert image.size == (128, 64) and b"equirectangular" in image.info["xmp"]
    assert io.load_image(png.with_suffix(".cube.png")).size == (128, 96)
    page = png.with_suffix(".viewer.html")
    assert "</script> dunes" not in page.read_text() and main_file(run) == page
    assert png.with_suffix(".flight.mp4").stat().st_size > 1000
    figures = json.loads((tmp_path / "run.json").read_text())["pictures"][0]["figures"]
    assert list(figures) == [
        "wrap_seam", "pole_pinch", "seen_twice", "agreement", "score_back", "score_up", "score_down",
    ]  # fmt: skip
    assert "pole_pinch" in str(run) and torch.isfinite(torch.tensor(list(figures.values()))).all()

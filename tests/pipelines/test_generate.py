"""Plain pictures and their stages: diffusers' own chain of pipelines, batches, in memory."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic import io
from synoptic.errors import InputError
from synoptic.models import checkpoint
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.families import FAMILIES, Defaults
from synoptic.models.registry import resolve, resolve_upscaler
from synoptic.options.generate import GenerateOptions
from synoptic.pipelines.generate import GeneratePipeline
from synoptic.pipelines.upscaling import has_same_text_encoder
from tests.quick import slow_ones
from tests.references import assert_like_reference

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
PROMPTS = ["a photo of a horse", "a photo of a lemon"]
NEGATIVE, SCALE, LARGER = "a pencil sketch", 5.0, 3.0
HOW: dict[str, Any] = {"steps": 3, "guidance_scale": SCALE, "negative_prompt": NEGATIVE}


@pytest.mark.parametrize(
    "options",
    slow_ones(
        [
            {},
            {"guidance_scale": 1.0, "eta": 0.5},
            {"clip": "static"},
            {"clip": "dynamic"},
            {"sampler": "dpm++"},
            {"sampler": "ddpm"},
        ],
        [{"clip": "static"}, {"clip": "dynamic"}, {"sampler": "dpm++"}, {"sampler": "ddpm"}],
    ),
    ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()) or "defaults",
)
def test_every_kind_of_option(options, sd32):
    (image,) = synoptic.generate(sd32, PROMPTS[1], **{"steps": 4} | options).images
    assert_like_reference("generate-" + ("-".join(f"{k}={v}" for k, v in options.items()) or "defaults"), image)


def test_a_result_is_all_in_memory(sd32):
    result = synoptic.generate(sd32, PROMPTS, steps=4, seed=3, count=2)
    assert [item.seed for item in result.items] == [3, 4, 3, 4] and len(result.images) == 4
    assert [item.title for item in result.items[::2]] == PROMPTS
    assert min(result.scores) > 0.3 and result.options.guidance_scale == 3.0
    assert result._repr_html_().count("<img") == 4 and result._repr_png_() is None
    with pytest.raises(InputError) as e:
        synoptic.generate(sd32, PROMPTS, out="here")
    assert e.value.rule == "in-memory"


@pytest.mark.slow
def test_every_step_can_be_looked_at(sd32):
    steps = list(synoptic.generate.steps(sd32, PROMPTS, steps=2))
    assert [(step.i, step.n) for step in steps] == [(i, 2) for i in range(2)]
    assert steps[0].canvas.shape == (2, 8, 32, 32) and steps[0].views is None
    (first, *_) = steps[-1].images()
    assert first.size == (256, 256) and steps[-1].preview(side=16).size == (128, 128)
    (alone, _) = synoptic.generate(sd32, PROMPTS, steps=2).images
    assert first.tobytes() == alone.tobytes()


@pytest.mark.slow
def test_each_picture_is_its_own_whatever_is_sampled_with_it(pixel32, monkeypatch):
    monkeypatch.setitem(checkpoint.BUNDLED_DEFAULTS, "if-ii", Defaults(1, LARGER, 64))
    both = synoptic.generate(pixel32, PROMPTS, upscalers="auto", **HOW)
    one = synoptic.generate(pixel32, PROMPTS[1], upscalers="bundled-if-ii", **HOW)
    assert [image.size for image in both.images] == [(256, 256)] * 2
    assert levels(both.images[1], one.images[0]) <= 2 and levels(both.images[0], both.images[1]) > 50
    many = synoptic.generate(pixel32, PROMPTS[0], count=3, upscalers="none", **HOW)
    assert levels(many.images[2], synoptic.generate(pixel32, PROMPTS[0], seed=2, upscalers="none", **HOW).images[0]) <= 2


@pytest.mark.slow
def test_stages_give_the_pictures_of_the_pipelines_chain(pixel32, monkeypatch):
    monkeypatch.setitem(checkpoint.BUNDLED_DEFAULTS, "if-ii", Defaults(2, LARGER, 64))
    how = HOW | {"noise_level": 60, "clip": "none", "upscalers": "bundled-if-ii", "steps": 2}
    ours = synoptic.generate(pixel32, PROMPTS[0], **how)
    rng = torch.Generator().manual_seed(0)
    small = stage("IFPipeline", "if", rng, 2, SCALE)
    large = stage("IFSuperResolutionPipeline", "if-ii", rng, 2, LARGER, image=small, noise_level=60)
    assert levels(ours.images[0], io.to_pil(large)[0]) <= 1
    assert np.asarray(ours.images[0]).std() > 20


def test_latent_stages_decode_what_they_sample(pixel32, tiny_x4, monkeypatch):
    kind = "StableDiffusionUpscalePipeline"
    monkeypatch.setitem(FAMILIES, kind, replace(FAMILIES[kind], defaults=Defaults(2, LARGER, 16)))
    steps = list(synoptic.generate.steps(pixel32, PROMPTS[0], **HOW | {"noise_level": 20, "upscalers": str(tiny_x4)}))
    assert [(step.i, step.n) for step in steps] == [(i, 5) for i in range(5)]
    assert steps[2].images()[0].size == (64, 64) and steps[-1].images()[0].size == (256, 256)


def test_stage_two_shares_stage_ones_text_encoder(pixel32):
    pipeline = GeneratePipeline(pixel32, GenerateOptions(prompt=("x",), upscalers=("auto",)).resolve(pixel32.checkpoint))
    (up,) = pipeline.upscalers
    model: Any = pipeline.load_upscaler(up).denoiser_for(torch.zeros(1, 3, 8, 8), 0)
    assert model.model.text_encoder == pixel32.embed
    files = [(BUNDLED_DIR / part / "text_encoder/model.safetensors").read_bytes() for part in ("if", "if-ii")]
    assert files[0] == files[1], "what is shared must be the same"
    assert has_same_text_encoder(resolve_upscaler("bundled-if-ii"), resolve("bundled-if"))
    assert not has_same_text_encoder(resolve_upscaler("bundled-if-ii"), resolve("bundled"))


def test_a_word_the_model_never_saw_is_warned_of(sd32):
    with pytest.warns(UserWarning, match="never saw: gothic"):
        synoptic.generate(sd32, "a photo of a gothic horse", steps=1)


@pytest.mark.slow
def test_a_name_is_loaded_once():
    a, b = (synoptic.generate("bundled", PROMPTS[0], steps=1, dtype="float32") for _ in range(2))
    assert a.pipeline and b.pipeline and a.pipeline.model is b.pipeline.model and a.images == b.images


def stage(kind: str, name: str, rng: torch.Generator, steps: int, scale: float, **how: Any) -> torch.Tensor:
    """What a stage's pipeline gives with DDIM from its own scheduler's config, not clipped: (1, 3, h, w) in [-1, 1]."""
    pipe: Any = getattr(diffusers, kind).from_pretrained(BUNDLED_DIR / name, local_files_only=True)
    free = {"clip_sample": False, "thresholding": False}
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config, **free)
    pipe.scheduler.register_to_config(variance_type="fixed_small")  # do not hand the learned variance to the scheduler
    pipe.unet.to(memory_format=torch.channels_last)  # as ours: the two layouts by themselves part a little
    pipe.set_progress_bar_config(disable=True)
    given = {"num_inference_steps": steps, "guidance_scale": scale, "negative_prompt": [NEGATIVE], "generator": rng}
    return pipe(PROMPTS[:1], **given, output_type="pt", clean_caption=False, **how).images


def levels(a: Image.Image, b: Image.Image) -> int:
    """The largest difference between two pictures, in 8-bit levels."""
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())

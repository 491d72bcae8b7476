"""`generate` in stages: diffusers' own chain of pipelines, what stages are given, and what is refused."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import synoptic
from synoptic import io
from synoptic.errors import InputError
from synoptic.models import registry
from synoptic.models.families import FAMILIES, Defaults
from synoptic.models.registry import BUNDLED_DIR, resolve
from synoptic.pipelines.upscaling import check_level, load_stage, same_tower, upscalers

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers
PROMPTS = ["a photo of a horse", "a photo of a lemon"]
NEGATIVE, SCALE, LARGER = "a pencil sketch", 5.0, 3.0
HOW: dict[str, Any] = {
    "model": "bundled-if",
    "steps": 3,
    "guidance": SCALE,
    "negative": NEGATIVE,
    "device": "cpu",
    "dtype": "float32",
}


@pytest.fixture
def quick(monkeypatch):
    """One step of stage II, which takes as many as its model wants."""
    monkeypatch.setitem(registry.BUNDLED_DEFAULTS, "if-ii", Defaults(1, LARGER, 64))


def test_stages_paint_the_pictures_of_the_pipelines_chain(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.BUNDLED_DEFAULTS, "if-ii", Defaults(2, LARGER, 64))
    ours = synoptic.generate(PROMPTS[:1], upscalers=["bundled-if-ii"], level=60, clip="none", out=str(tmp_path), **HOW)
    rng = torch.Generator().manual_seed(0)
    small = stage("IFPipeline", "if", rng, 3, SCALE)
    large = stage("IFSuperResolutionPipeline", "if-ii", rng, 2, LARGER, image=small, noise_level=60)
    assert levels(ours.images[0], io.to_pil(large)[0]) <= 1
    assert np.asarray(ours.images[0]).std() > 20


def test_each_picture_is_its_own_whatever_is_painted_with_it(tmp_path, quick):
    both = synoptic.generate(PROMPTS, upscalers=["auto"], out=str(tmp_path / "both"), **HOW)
    one = synoptic.generate(PROMPTS[1], upscalers=["bundled-if-ii"], out=str(tmp_path / "one"), **HOW)
    assert [image.size for image in both.images] == [(256, 256)] * 2
    assert levels(both.images[1], one.images[0]) <= 2
    assert levels(both.images[0], both.images[1]) > 50
    assert both.run.settings["upscalers"] == ["bundled-if-ii"], "auto is settled"


def test_latent_stages_decode_what_they_paint(tmp_path, tiny_x4, monkeypatch):
    kind = "StableDiffusionUpscalePipeline"
    monkeypatch.setitem(FAMILIES, kind, replace(FAMILIES[kind], defaults=Defaults(2, LARGER, 16)))
    how = HOW | {"level": 20, "steps": 2, "trace": True, "out": str(tmp_path)}
    large = synoptic.generate(PROMPTS[0], upscalers=[str(tiny_x4)], **how)
    assert large.images[0].size == (256, 256) and "bundled" not in large.run.settings["upscalers"][0]
    assert len(list(tmp_path.glob("*.trace.*"))) == 3


def test_without_upscalers_nothing_changes(tmp_path):
    plain = synoptic.generate(PROMPTS[0], out=str(tmp_path), **HOW)
    manifest = json.loads((tmp_path / "run.json").read_text())
    for name in ("upscalers", "level", "embeddings"):
        del manifest["settings"][name]
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    again = synoptic.generate(PROMPTS[0], upscalers=["none"], out=str(tmp_path), **HOW)
    assert again.images == plain.images and "sample" not in again.run.timings, "a run from before there were stages"


def test_stage_two_shares_stage_ones_text_tower(pixel32):
    ii = registry.resolve_upscaler("bundled-if-ii")
    stage = load_stage(ii, resolve("bundled-if"), pixel32, {"device": "cpu", "dtype": "float32"})
    model: Any = stage.denoiser_for(torch.zeros(1, 3, 8, 8), 0)
    assert model.model.text_encoder == pixel32.embed
    files = [(BUNDLED_DIR / part / "text_encoder/model.safetensors").read_bytes() for part in ("if", "if-ii")]
    assert files[0] == files[1], "what is shared must be the same"


def test_another_text_tower_is_not_shared():
    ii = registry.resolve_upscaler("bundled-if-ii")
    assert same_tower(ii, resolve("bundled-if")) and not same_tower(ii, resolve("bundled"))


def test_what_fits_a_model():
    pixels, latents = resolve("bundled-if"), resolve("bundled")
    assert (
        [up.name for up in upscalers(pixels, None)] == [up.name for up in upscalers(pixels, ["auto"])] == ["bundled-if-ii"]
    )
    assert upscalers(pixels, ["none"]) == upscalers(latents, None) == []


@pytest.mark.parametrize(
    ("model", "names", "words"),
    [
        ("bundled", ["bundled-if-ii"], "pictures of 64 pixels, what it is given here has 128"),
        ("bundled-if", ["bundled-if-ii", "bundled-if-ii"], "what it is given here has 256"),
        ("bundled-if", ["none", "bundled-if-ii"], "none stands alone"),
        ("bundled-if", ["bundled"], "paints from prompts alone"),
        ("bundled-if", ["nix"], "'nix' is none"),
    ],
)
def test_what_does_not_fit_is_refused(model, names, words):
    with pytest.raises(InputError, match=words):
        upscalers(resolve(model), names)


def test_a_level_that_no_upscaler_knows_is_refused():
    check_level(upscalers(resolve("bundled-if"), None), 999)
    for level, words in ((-1, "at least 0"), (1000, "--level for bundled-if-ii must be at most 999")):
        with pytest.raises(InputError, match=words):
            check_level(upscalers(resolve("bundled-if"), None), level)


def test_the_command_line_refuses_before_torch_loads(ask):
    argv = [["generate", "x", "--upscalers", "bundled-if-ii"], ["generate", "x", "--level", "-1"]]
    for code, error, heavy in ask(argv):
        assert (code, heavy, error.count("\n")) == (2, False, 1)


def stage(kind: str, name: str, rng: torch.Generator, steps: int, scale: float, **how: Any) -> torch.Tensor:
    """What a stage's pipeline paints with DDIM from its own scheduler's config, not clipped: (1, 3, h, w) in [-1, 1]."""
    pipe: Any = getattr(diffusers, kind).from_pretrained(BUNDLED_DIR / name, local_files_only=True)
    free = {"clip_sample": False, "thresholding": False}
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config, **free)
    pipe.scheduler.register_to_config(variance_type="fixed_small")  # do not hand the learned variance to the scheduler
    pipe.unet.to(memory_format=torch.channels_last)  # as ours: the two layouts by themselves part a little
    pipe.set_progress_bar_config(disable=True)
    given = {"num_inference_steps": steps, "guidance_scale": scale, "negative_prompt": [NEGATIVE], "generator": rng}
    return pipe(PROMPTS[:1], **given, output_type="pt", clean_caption=False, **how).images


def levels(a: Any, b: Any) -> int:
    """The largest difference between two pictures, in 8-bit levels."""
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())

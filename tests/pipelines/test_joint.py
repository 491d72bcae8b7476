"""Anagrams, hybrids and compare-sync by every option, their stages, their search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic import io
from synoptic.metrics.clip import Clip
from synoptic.models.checkpoint import BUNDLED_DEFAULTS, Checkpoint
from synoptic.models.families import Defaults
from synoptic.options.anagram import AnagramOptions
from synoptic.pipelines.anagram import AnagramPipeline
from synoptic.pipelines.joint import SEARCHED_BY
from tests.models.single_files import tiny_pipeline
from tests.quick import quick_ones
from tests.references import assert_like_reference

PAIR = ["a photo of a horse", "a photo of a dog"]
QUICK: dict[str, Any] = {"steps": 3, "upscalers": "none"}
ANAGRAMS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "eps": {"views": ("identity", "inner_rotate:45"), "sync": "eps"},
    "xt": {"sync": "xt"},
    "none": {"sync": "none"},
    "instance": {"space": "instance"},
    "independent": {"init_noise": "independent"},
    "equalized": {"equalize_guidance": True, "style": "an oil painting of"},
    "weights": {"weights": (1.0, 3.0)},
    "chain": {"views": ("flip", "rotate_cw+negate"), "guidance_scale": 1.0},
    "negative": {"negative_prompt": "a photo of a cat", "clip": "dynamic"},
    "ddpm": {"sampler": "ddpm", "sync": "eps"},
    "dpm++": {"sampler": "dpm++", "clip": "static"},
    "eta": {"eta": 1.0, "sync": "xt", "clip": "none"},
    "latent": {},
    "latent-no-residual": {"vae_residual": False, "sampler": "dpm++"},
    "latent-latents": {"view_space": "latents", "sync": "eps"},
}
HYBRIDS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "triple": {"kind": "triple"},
    "triple-cascade": {"kind": "triple-cascade"},
    "motion-zeros": {"kind": "motion-zeros"},
    "color": {"kind": "color", "sync": "eps"},
    "motion": {"kind": "motion", "sync": "xt", "space": "instance"},
    "independent": {"init_noise": "independent", "equalize_guidance": True},
    "latent": {},
    "latent-latents": {"view_space": "latents"},
}


def gap(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


@pytest.mark.parametrize("name", quick_ones(ANAGRAMS, ["defaults", "latent-latents"]))
def test_every_option_gives_the_anagram_it_gave(name, pixel32, sd32):
    model = sd32 if name.startswith("latent") else pixel32
    result = synoptic.anagram(model, PAIR, **QUICK | ANAGRAMS[name])
    assert_like_reference(f"anagram-{name}", result.images[0])
    assert result.outputs[0].files[".views.png"].width > result.outputs[0].files[".views.png"].height


@pytest.mark.parametrize("name", quick_ones(HYBRIDS, ["defaults"]))
def test_every_option_gives_the_hybrid_it_gave(name, pixel32, sd32):
    model = sd32 if name.startswith("latent") else pixel32
    prompts = [*PAIR, "a photo of a cat"] if name.startswith("triple") else PAIR
    assert_like_reference(f"hybrid-{name}", synoptic.hybrid(model, prompts, **QUICK | HYBRIDS[name]).images[0])


def test_the_far_picture_of_an_inverse_hybrid_is_the_photo(pixel32):
    photo = io.to_pil(torch.linspace(-1, 1, 64).expand(1, 3, 64, 64))[0]
    (picture,) = synoptic.hybrid(pixel32, PAIR[0], kind="inverse", photo=photo, clip="none", **QUICK).images
    assert gap(picture.resize((4, 4)), photo.resize((4, 4))) < 25, "the lowest frequencies are the photo's"


@pytest.mark.slow
def test_weights_decide_whose_picture_it_is(pixel32):
    """With nearly all weight on one view, the picture is nearly that view's own."""
    first = synoptic.anagram(pixel32, PAIR, weights=(1e6, 1.0), **QUICK).images[0]
    even = synoptic.anagram(pixel32, PAIR, **QUICK).images[0]
    alone = synoptic.generate(pixel32, PAIR[0], steps=3, guidance_scale=3.0, upscalers="none").images[0]
    assert gap(first, alone) <= 2 < gap(even, alone)


@pytest.mark.slow
@pytest.mark.parametrize("init", ["shared", "independent"])
def test_every_rule_gives_one_picture_from_one_noise_and_not_from_several(init, pixel32):
    """The theorem of permutation views, through the pipeline."""
    how = QUICK | {"space": "instance", "init_noise": init, "clip": "none"}
    x0, xt = (synoptic.anagram(pixel32, PAIR, sync=sync, **how).images[0] for sync in ("x0", "xt"))
    assert (gap(x0, xt) <= 1) == (init == "shared")


@pytest.mark.slow
def test_pictures_do_not_depend_on_the_batch(pixel32):
    both = synoptic.anagram(pixel32, PAIR, count=2, seed=7, **QUICK)
    assert gap(both.images[1], synoptic.anagram(pixel32, PAIR, seed=8, **QUICK).images[0]) <= 1


@pytest.mark.slow
def test_the_second_stage_keeps_the_first_and_both_are_anagrams(pixel32, monkeypatch):
    monkeypatch.setitem(BUNDLED_DEFAULTS, "if-ii", Defaults(4, 1.0, 64))  # steps fewer than it needs
    small = synoptic.anagram(pixel32, PAIR, **QUICK).images[0]
    how = QUICK | {"upscalers": "auto", "noise_augmentation": False, "noise_level": 20}
    (output,) = synoptic.anagram(pixel32, PAIR, **how).outputs
    assert output.image.size == (256, 256) and gap(output.files[".64.png"], small) == 0
    near, far = (gap(output.image.resize((16, 16)), one.resize((16, 16))) for one in (small, small.rotate(180)))
    assert near < far / 2


@pytest.mark.slow
@pytest.mark.parametrize("space", ["pixels", "latents"])
def test_a_latent_models_picture_is_enlarged_in_pixels(space, tiny_x4, tmp_path, monkeypatch):
    tiny_pipeline("sd1.5").save_pretrained(tmp_path)  # its pictures have 128 pixels
    monkeypatch.setattr(Checkpoint, "defaults", Defaults(1, 1.0, 8))
    how = {"upscalers": str(tiny_x4), "steps": 1, "guidance_scale": 1.0, "view_space": space}
    (output,) = synoptic.anagram(str(tmp_path), PAIR, dtype="float32", **how).outputs
    assert (output.image.size, output.files[".128.png"].size) == ((512, 512), (128, 128))


@pytest.mark.slow
def test_steps_know_their_canvas_whatever_they_hold(pixel32, sd32):
    for model, channels in ((pixel32, 3), (sd32, 3)):
        for space in ("auto", "instance"):
            *_, last = synoptic.anagram.steps(model, PAIR, space=space, count=2, **QUICK | {"steps": 1})
            side = model.checkpoint.native_size
            assert last.canvas.shape == (2, channels, side, side) and last.views is not None and len(last.views) == 4
            assert last.images()[1].size == (side, side)


@pytest.mark.slow
def test_the_search_is_of_the_pictures_themselves(pixel32):
    asked = AnagramOptions(prompt=tuple(PAIR), steps=2, upscalers=("none",), seed_search=3, seed=3)
    pipeline = AnagramPipeline(pixel32, asked.resolve(pixel32.checkpoint))
    (only,) = list(pipeline.seed_search() or ())
    assert sorted(only.seeds) == [3, 4, 5] and only.scores == sorted(only.scores, reverse=True)
    clip = Clip(SEARCHED_BY)
    for seed, score in zip(only.seeds, only.scores, strict=True):
        result = synoptic.anagram(pixel32, PAIR, steps=2, upscalers="none", seed=seed)
        assert pipeline.score(clip, result.images[0], result.items[0]) == pytest.approx(score, abs=0.02)


@pytest.mark.filterwarnings("ignore:sync='eps' never reconciles")
def test_compare_sync_tabulates_every_rule(pixel32):
    result = synoptic.compare_sync(pixel32, PAIR, style="an oil painting of", steps=1, upscalers="none")
    table = result.comparison
    assert table is not None and [row[:2] for row in table.rows][::3] == [("instance", "eps"), ("canonical", "eps")]
    assert len(result.images) == len(table.rows) == 6 and table.image.height > 2 * table.image.width
    assert str(table).splitlines()[0].split("\t")[:3] == ["space", "sync", "alignment"]
    alone = synoptic.anagram(pixel32, PAIR, style="an oil painting of", steps=1, upscalers="none", space="canonical")
    assert gap(result.images[4], alone.images[0]) == 0


@pytest.mark.slow
def test_films_turn_and_come_back(pixel32, tmp_path):
    pytest.importorskip("av")
    (output,) = synoptic.anagram(pixel32, PAIR, animate=True, **QUICK).outputs
    for end in (".gif", ".mp4"):
        output.files[end](tmp_path / f"film{end}")
        assert (tmp_path / f"film{end}").stat().st_size > 1000

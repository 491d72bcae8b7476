"""SigLIP's and open_clip's directories score as transformers' own models of the same weights do."""

import json

import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from synoptic.errors import InputError
from synoptic.metrics.clip import Clip
from synoptic.metrics.perceptual import CLIPPatchFeatures
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.registry import resolve_clip
from tests.metrics.clip_layouts import MODEL, TEXTS, gemma_words, open_clip_folder, siglip, unigram_words


@pytest.fixture(scope="module")
def pictures():
    torch.manual_seed(0)
    return [Image.fromarray(p) for p in (torch.rand(3, 50, 70, 3) * 255).byte().numpy()]


@pytest.mark.parametrize("resample", [2, 3])
@pytest.mark.parametrize("words", [unigram_words, gemma_words])
def test_siglip_scores_as_transformers(pictures, tmp_path, words, resample):
    model = siglip(tmp_path / "siglip", words)
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=resample)
    processor.save_pretrained(tmp_path / "siglip")
    clip = Clip(str(tmp_path / "siglip"), "cpu")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "siglip")
    lower = [text.lower() for text in TEXTS]
    tokens = tokenizer(lower, padding="max_length", max_length=64, truncation=True, return_tensors="pt").input_ids
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        out = model(input_ids=tokens, pixel_values=pixels)
    assert len(set(tokens[0].tolist())) > 5
    assert torch.allclose(clip.encode_images(pictures), out.image_embeds, atol=1e-5)
    assert torch.allclose(clip.encode_texts(TEXTS), out.text_embeds, atol=1e-5)
    assert (out.image_embeds[0] - out.image_embeds[1]).abs().max() > 1e-3


def test_siglips_patches_are_all_of_its_tokens(pictures, tmp_path):
    siglip(tmp_path / "siglip", gemma_words)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "siglip")
    clip = Clip(str(tmp_path / "siglip"), "cpu")
    assert clip.patch_features(pictures).shape == (3, 2, 16, 32)
    assert CLIPPatchFeatures(clip)(torch.zeros(1, 3, 40, 40)).shape == (1, 2, 16, 32)


@pytest.mark.parametrize("quick", [False, True])
def test_open_clip_scores_as_transformers(pictures, tmp_path, quick):
    model = open_clip_folder(tmp_path / "clip", MODEL | {"quick_gelu": quick})
    clip = Clip(str(tmp_path / "clip"), "cpu")
    tokens = clip_tokenizer("!")(TEXTS, padding="max_length", max_length=77, return_tensors="pt")  # as open_clip pads
    pixels = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        out = model(input_ids=tokens.input_ids, pixel_values=pixels)
    assert torch.allclose(clip.encode_images(pictures), out.image_embeds, atol=1e-5)
    assert torch.allclose(clip.encode_texts(TEXTS), out.text_embeds, atol=1e-5)
    assert clip.temperature == pytest.approx(1 / model.logit_scale.exp().item())


def test_open_clip_prepares_pictures_as_its_config_says(pictures, tmp_path):
    says = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "squash"}
    open_clip_folder(tmp_path / "clip", preprocess_cfg=says)
    theirs = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=2)(pictures, return_tensors="pt")
    clip = Clip(str(tmp_path / "clip"), "cpu")
    assert torch.allclose(torch.cat([clip.preprocess(p) for p in pictures]), theirs["pixel_values"], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"custom_text": True}, "clip-class"),
        ({"vision_cfg": {"timm_model_name": "vit_base_patch16_siglip_224", "image_size": 224}}, "clip-class"),
        ({"text_cfg": MODEL["text_cfg"] | {"hf_tokenizer_name": "bert-base"}}, "clip-class"),
        ({"text_cfg": MODEL["text_cfg"] | {"width": "16"}}, "clip-class"),
        ({}, "clip-pictures"),
    ],
)
def test_other_open_clip_models_are_refused_before_weights_load(tmp_path, change, rule):
    open_clip_folder(tmp_path / "clip", MODEL | change, {"resize_mode": "longest"})
    with pytest.raises(InputError) as e:
        resolve_clip(str(tmp_path / "clip"))
    assert e.value.rule == rule


@pytest.mark.parametrize("kind", ["siglip2", "bert", None])
def test_another_model_is_refused_before_weights_load(tmp_path, kind):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(InputError) as e:
        resolve_clip(str(tmp_path))
    assert e.value.rule == "clip-class"

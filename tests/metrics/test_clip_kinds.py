"""SigLIP's and open_clip's directories score as transformers' own models of the same weights do."""

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    AutoTokenizer,
    CLIPConfig,
    CLIPModel,
    GemmaTokenizer,
    SiglipConfig,
    SiglipModel,
    SiglipTokenizer,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from synoptic.errors import InputError
from synoptic.metrics.clip import Clip
from synoptic.metrics.perceptual import CLIPPatchFeatures
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.registry import resolve_clip
from tests.original_layout import open_clip

TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXTS = ["a photo of a Horse", "an oil painting of a castle at night, by the sea"]


@pytest.fixture(scope="module")
def pictures():
    torch.manual_seed(0)
    return [Image.fromarray(p) for p in (torch.rand(3, 50, 70, 3) * 255).byte().numpy()]


def random_model(model):
    """Numbers large enough that every tensor counts."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim:
                value.normal_(1 if "norm" in name and "weight" in name else 0, 0.2)
    return model.eval()


def gemma_words(folder):
    """SigLIP 2's kind of words: Gemma's, whose start is left out and whose end is added."""
    letters = [f"<0x{byte:02X}>" for byte in range(256)] + ["▁", *"abcdefghijklmnopqrstuvwxyz,"]
    vocab = {token: i for i, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *letters])}
    GemmaTokenizer(vocab=vocab, merges=[], add_bos_token=False, add_eos_token=True, padding_side="right").save_pretrained(
        folder
    )


def unigram_words(folder):
    """SigLIP's kind of words: sentencepiece's, in spiece.model alone."""
    sentencepiece = pytest.importorskip("sentencepiece")
    texts = folder / "texts.txt"
    texts.write_text("\n".join([*TEXTS, "abcdefghijklmnopqrstuvwxyz"] * 20).lower())
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(folder / "spiece"), vocab_size=60, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    SiglipTokenizer(str(folder / "spiece.model")).save_pretrained(folder)


def siglip(folder, words):
    folder.mkdir(exist_ok=True)
    text = TOWER | {"vocab_size": 300, "max_position_embeddings": 64, "projection_size": 32}
    vision = TOWER | {"image_size": 32, "patch_size": 8}
    model = random_model(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)))
    model.save_pretrained(folder)
    words(folder)
    return model


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


MODEL = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 8, "mlp_ratio": 3.0},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 3},
}


def open_clip_folder(folder, model_cfg=MODEL, preprocess_cfg=None):
    """A directory as open_clip saves it, and the CLIPModel of the same numbers."""
    quick = "quick_gelu" if model_cfg.get("quick_gelu") else "gelu"
    text = {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    vision = TOWER | {"intermediate_size": 96, "image_size": 32, "patch_size": 8, "hidden_act": quick}
    text |= {"vocab_size": 49408, "hidden_act": quick, "eos_token_id": 49407, "bos_token_id": 49406}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    model = random_model(CLIPModel(config))
    tower = model.text_model
    tower.text_projection = model.text_projection
    tensors = {key: value.clone() for key, value in open_clip(tower).items()}
    del tower.text_projection
    own, inside = model.state_dict(), {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc"}
    inside |= {"mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}
    for i in range(2):
        old, new = f"vision_model.encoder.layers.{i}", f"visual.transformer.resblocks.{i}"
        for part in ("weight", "bias"):
            tensors |= {f"{new}.{b}.{part}": own[f"{old}.{a}.{part}"] for a, b in inside.items()}
            tensors[f"{new}.attn.in_proj_{part}"] = torch.cat([own[f"{old}.self_attn.{q}_proj.{part}"] for q in "qkv"])
    embeddings = "vision_model.embeddings"
    tensors["visual.class_embedding"] = own[f"{embeddings}.class_embedding"]
    tensors["visual.positional_embedding"] = own[f"{embeddings}.position_embedding.weight"]
    tensors["visual.conv1.weight"] = own[f"{embeddings}.patch_embedding.weight"]
    for part in ("weight", "bias"):
        tensors[f"visual.ln_pre.{part}"] = own[f"vision_model.pre_layrnorm.{part}"]
        tensors[f"visual.ln_post.{part}"] = own[f"vision_model.post_layernorm.{part}"]
    tensors["visual.proj"] = own["visual_projection.weight"].T.contiguous()
    tensors["logit_scale"] = own["logit_scale"]
    folder.mkdir()
    save_file(tensors, folder / "open_clip_model.safetensors")
    about = {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return model


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

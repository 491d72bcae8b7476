"""Tiny random models that score, in the layouts of transformers' SigLIP and of open_clip."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, GemmaTokenizer, SiglipConfig, SiglipModel, SiglipTokenizer

from tests.original_layout import open_clip

TOWER: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXTS = ["a photo of a Horse", "an oil painting of a castle at night, by the sea"]


def random_model(model: Any) -> Any:
    """Numbers large enough that every tensor counts."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim:
                value.normal_(1 if "norm" in name and "weight" in name else 0, 0.2)
    return model.eval()


def gemma_words(folder: Path) -> None:
    """SigLIP 2's kind of words: Gemma's, whose start is left out and whose end is added."""
    letters = [f"<0x{byte:02X}>" for byte in range(256)] + ["▁", *"abcdefghijklmnopqrstuvwxyz,"]
    vocab = {token: i for i, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *letters])}
    GemmaTokenizer(vocab=vocab, merges=[], add_bos_token=False, add_eos_token=True, padding_side="right").save_pretrained(
        folder
    )


def unigram_words(folder: Path) -> None:
    """SigLIP's kind of words: sentencepiece's, in spiece.model alone."""
    texts = folder / "texts.txt"
    texts.write_text("\n".join([*TEXTS, "abcdefghijklmnopqrstuvwxyz"] * 20).lower())
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(folder / "spiece"), vocab_size=60, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    SiglipTokenizer(str(folder / "spiece.model")).save_pretrained(folder)


def siglip(folder: Path, words: Callable[[Path], None]) -> Any:
    """A directory as transformers saves SigLIP, without its processor, and the model."""
    folder.mkdir(exist_ok=True)
    text = TOWER | {"vocab_size": 300, "max_position_embeddings": 64, "projection_size": 32}
    vision = TOWER | {"image_size": 32, "patch_size": 8}
    model = random_model(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)))
    model.save_pretrained(folder)
    words(folder)
    return model


MODEL: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 8, "mlp_ratio": 3.0},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 3},
}


def open_clip_folder(folder: Path, model_cfg: dict[str, Any] = MODEL, preprocess_cfg: dict[str, Any] | None = None) -> Any:
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

"""A CLIP as the package open_clip saves it (Ilharco et al. 2021), read as transformers' CLIPModel: config, names, words.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.config_checks import check_config, is_count, is_number, is_numbers
from synoptic.utils.json_objects import JsonObject

if TYPE_CHECKING:
    from torch import Tensor

CONFIG_FILE, WEIGHT_FILE = "open_clip_config.json", "open_clip_model.safetensors"
WORDS, END_TOKEN = 49408, 49407  # of OpenAI's tokenizer
HEAD_WIDTH, MLP_RATIO = 64, 4.0  # what open_clip takes where its config gives nothing
REQUIRED = {
    "vision_cfg": {"image_size", "layers", "width", "patch_size"},
    "text_cfg": {"context_length", "vocab_size", "width", "heads", "layers"},
}
OPTIONAL = {"vision_cfg": {"head_width", "mlp_ratio"}, "text_cfg": {"mlp_ratio"}}
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]  # OpenAI's
RESAMPLE = {"bilinear": 2, "bicubic": 3}  # PIL's numbers
TOWERS = {"visual.transformer.resblocks.": "vision_model", "transformer.resblocks.": "text_model"}
LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
NAMES = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",  # transformers' own spelling
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
PROJECTIONS = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}  # transposed


@dataclass(frozen=True)
class OpenClip(Checkpoint):
    """A directory or a hub's repository with open_clip's config and weights, of two towers as OpenAI's."""

    index_file: str = CONFIG_FILE

    def config(self, component: str, file: str = "config.json") -> JsonObject:
        """Return CLIPModel's config of the same network. Raises InputError where it is none of OpenAI's kind."""
        return self._clip_config

    @cached_property
    def _clip_config(self) -> JsonObject:
        model = self.read_json(CONFIG_FILE).get("model_cfg")
        if not isinstance(model, dict) or not _has_openai_towers(model):
            raise InputError(
                f"an open_clip model must have the towers of OpenAI's CLIP, {self.name} has others: use the repository that"
                " holds it for transformers (of SigLIP google/siglip-base-patch16-224), or another --clip-model",
                rule="clip-class",
            )
        activation = "quick_gelu" if model.get("quick_gelu") else "gelu"
        vision, text = model["vision_cfg"], model["text_cfg"]
        config: JsonObject = {
            "model_type": "clip",
            "projection_dim": model["embed_dim"],
            "vision_config": _tower(vision, activation, model["embed_dim"])
            | {
                "num_attention_heads": vision["width"] // vision.get("head_width", HEAD_WIDTH),
                "image_size": vision["image_size"],
                "patch_size": vision["patch_size"],
            },
            "text_config": _tower(text, activation, model["embed_dim"])
            | {
                "num_attention_heads": text["heads"],
                "max_position_embeddings": text["context_length"],
                "vocab_size": WORDS,
                "bos_token_id": END_TOKEN - 1,
                "eos_token_id": END_TOKEN,
                "pad_token_id": END_TOKEN,
            },
        }
        check_config(config, self.name)
        return config

    def processor_config(self) -> JsonObject:
        """Return how pictures are prepared, as a preprocessor_config.json says it. Raises InputError where it is unknown."""
        given = self.read_json(CONFIG_FILE).get("preprocess_cfg") or {}
        side = self._clip_config["vision_config"]["image_size"]
        sizes = {"shortest": {"shortest_edge": side}, "squash": {"height": side, "width": side}}
        found: JsonObject = {
            "size": sizes.get(given.get("resize_mode", "shortest")),
            "resample": RESAMPLE.get(given.get("interpolation", "bicubic")),
            "image_mean": given.get("mean", MEAN),
            "image_std": given.get("std", STD),
        }
        if None in found.values() or not (is_numbers(found["image_mean"]) and is_numbers(found["image_std"])):
            raise InputError(
                f"pictures must be prepared by resize_mode {' or '.join(sizes)} and interpolation {' or '.join(RESAMPLE)},"
                f" the {CONFIG_FILE} of {self.name} says otherwise: use another --clip-model",
                rule="clip-pictures",
            )
        return found

    def _weight_files(self, component: str, variant: str | None) -> list[str]:
        return [WEIGHT_FILE] if variant is None and WEIGHT_FILE in self.files else []


def clip_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return open_clip's tensors by CLIPModel's names: queries, keys and values apart, projections transposed."""
    return {new: value for key, tensor in tensors.items() for new, value in _renamed(key, tensor)}


def _renamed(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if key in NAMES:
        yield NAMES[key], tensor
    elif key in PROJECTIONS:
        yield PROJECTIONS[key], tensor.T.contiguous()
    for start, tower in TOWERS.items():
        if not key.startswith(start):
            continue
        number, _, inside = key.removeprefix(start).partition(".")
        layer = f"{tower}.encoder.layers.{number}"
        if inside.startswith("attn.in_proj_"):
            kind = inside.removeprefix("attn.in_proj_")
            for name, part in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{layer}.self_attn.{name}_proj.{kind}", part.contiguous()
        else:
            name, _, kind = inside.rpartition(".")
            yield f"{layer}.{LAYER.get(name, name)}.{kind}", tensor


def _has_openai_towers(model: JsonObject) -> bool:
    """Return whether a model_cfg gives what OpenAI's two towers need, and nothing else."""
    if not model.keys() <= {"embed_dim", "quick_gelu", *REQUIRED} or not is_count(model.get("embed_dim")):
        return False
    for part, required in REQUIRED.items():
        config = model.get(part)
        if not isinstance(config, dict) or not required <= config.keys() <= required | OPTIONAL[part]:
            return False
        counts, ratio = (config[key] for key in config if key != "mlp_ratio"), config.get("mlp_ratio", MLP_RATIO)
        if not all(map(is_count, counts)) or not is_number(ratio) or ratio <= 0:
            return False
    vision = model["vision_cfg"]
    return model["text_cfg"]["vocab_size"] == WORDS and vision["width"] >= vision.get("head_width", HEAD_WIDTH)


def _tower(config: JsonObject, activation: str, embed: int) -> JsonObject:
    return {
        "hidden_size": config["width"],
        "intermediate_size": int(config["width"] * config.get("mlp_ratio", MLP_RATIO)),
        "num_hidden_layers": config["layers"],
        "projection_dim": embed,
        "hidden_act": activation,
    }

"""diffusers' networks under the names of the first Stable Diffusion code, after the table that both codes' classes give.

Written from the classes themselves, so that it is independent of diffusers' conversion in the other direction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

Tensors = dict[str, Tensor]
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def rename(tensors: Tensors, names: dict[str, str]) -> Tensors:
    """Return the tensors whose names begin with one of `names`, and go on with a dot, under its other name."""
    found = {}
    for key, value in tensors.items():
        for old, new in names.items():
            if key.startswith(f"{old}."):
                found[new + key[len(old) :]] = value
    return found


def resnet(old: str, new: str) -> dict[str, str]:
    return {f"{old}.{a}": f"{new}.{b}" for a, b in RESNET.items()}


def unet(net: Any) -> Tensors:
    """A UNet2DConditionModel, or the half of it that a ControlNetModel has, as openaimodel.UNetModel names it."""
    names, layers = dict(UNET_ENDS), net.config.layers_per_block
    count = 1
    for level, block in enumerate(net.down_blocks):
        for layer in range(layers):
            names |= resnet(f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{count}.0")
            names[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{count}.1"
            count += 1
        if block.downsamplers:
            names[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{count}.0.op"
            count += 1
    names |= resnet("mid_block.resnets.0", "middle_block.0") | resnet("mid_block.resnets.1", "middle_block.2")
    names["mid_block.attentions.0"] = "middle_block.1"
    count = 0
    for level, block in enumerate(getattr(net, "up_blocks", [])):
        for layer in range(layers + 1):
            names |= resnet(f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{count}.0")
            names[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{count}.1"
            if layer == layers:
                place = 2 if hasattr(block, "attentions") else 1
                names[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{count}.{place}.conv"
            count += 1
    return rename(net.state_dict(), names)


def controlnet(net: Any) -> Tensors:
    """A ControlNetModel, as cldm.ControlNet names it."""
    names = {"controlnet_mid_block": "middle_block_out.0", "controlnet_cond_embedding.conv_in": "input_hint_block.0"}
    blocks = len(net.controlnet_cond_embedding.blocks)
    names |= {f"controlnet_cond_embedding.blocks.{i}": f"input_hint_block.{2 * i + 2}" for i in range(blocks)}
    names["controlnet_cond_embedding.conv_out"] = f"input_hint_block.{2 * blocks + 2}"
    names |= {f"controlnet_down_blocks.{i}": f"zero_convs.{i}.0" for i in range(len(net.controlnet_down_blocks))}
    return unet(net) | rename(net.state_dict(), names)


def vae(net: Any) -> Tensors:
    """An AutoencoderKL, as the first code's class of that name: the decoder's levels count from its end."""
    names = {"quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv"}
    for side in ("encoder", "decoder"):
        names |= {f"{side}.conv_in": f"{side}.conv_in", f"{side}.conv_out": f"{side}.conv_out"}
        names[f"{side}.conv_norm_out"] = f"{side}.norm_out"
        blocks = net.encoder.down_blocks if side == "encoder" else net.decoder.up_blocks
        old, new, sampler, resampled = (
            ("down_blocks", "down", "downsamplers", "downsample")
            if side == "encoder"
            else ("up_blocks", "up", "upsamplers", "upsample")
        )
        for level, block in enumerate(blocks):
            place = level if side == "encoder" else len(blocks) - 1 - level
            for layer in range(len(block.resnets)):
                a, b = f"{side}.{old}.{level}.resnets.{layer}", f"{side}.{new}.{place}.block.{layer}"
                names |= {f"{a}.{part}": f"{b}.{part}" for part in ("norm1", "conv1", "norm2", "conv2")}
                names[f"{a}.conv_shortcut"] = f"{b}.nin_shortcut"
            names[f"{side}.{old}.{level}.{sampler}.0.conv"] = f"{side}.{new}.{place}.{resampled}.conv"
        for i in (0, 1):
            a, b = f"{side}.mid_block.resnets.{i}", f"{side}.mid.block_{i + 1}"
            names |= {f"{a}.{part}": f"{b}.{part}" for part in ("norm1", "conv1", "norm2", "conv2")}
        a, b = f"{side}.mid_block.attentions.0", f"{side}.mid.attn_1"
        names |= {f"{a}.{part}": f"{b}.{own}" for part, own in VAE_ATTENTION.items()}
    tensors = rename(net.state_dict(), names)
    is_conv = {".q.weight", ".k.weight", ".v.weight", ".proj_out.weight"}  # there 1x1 convolutions
    return {k: v[..., None, None] if any(map(k.endswith, is_conv)) else v for k, v in tensors.items()}


def clip(net: Any) -> Tensors:
    """A CLIPTextModel, as transformers 4 saved it."""
    return {key if key.startswith("text_model.") else f"text_model.{key}": v for key, v in net.state_dict().items()}


def open_clip(net: Any) -> Tensors:
    """A CLIP text tower, as open_clip's TextTransformer names it: one matrix for queries, keys and values."""
    tensors, found = clip(net), {}
    ends = {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    found = {new: tensors[old] for old, new in ends.items()}
    if hasattr(net, "text_projection"):
        found["text_projection"] = net.text_projection.weight.T.contiguous()
    inside = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    inside["self_attn.out_proj"] = "attn.out_proj"
    for i in range(net.config.num_hidden_layers):
        old, new = f"text_model.encoder.layers.{i}", f"transformer.resblocks.{i}"
        found |= rename(tensors, {f"{old}.{a}": f"{new}.{b}" for a, b in inside.items()})
        for part in ("weight", "bias"):
            parts = [tensors[f"{old}.self_attn.{one}_proj.{part}"] for one in "qkv"]
            found[f"{new}.attn.in_proj_{part}"] = torch.cat(parts)
    return found


def under(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + key: value for key, value in tensors.items()}


def whole_model(pipe: Any, kind: str) -> Tensors:
    """Every tensor of a pipeline of kind sd1.5, sd2 or sdxl in one file."""
    tensors = under("model.diffusion_model.", unet(pipe.unet)) | under("first_stage_model.", vae(pipe.vae))
    match kind:
        case "sd1.5":
            return tensors | under("cond_stage_model.transformer.", clip(pipe.text_encoder))
        case "sd2":
            return tensors | under("cond_stage_model.model.", open_clip(pipe.text_encoder))
    first, second = clip(pipe.text_encoder), open_clip(pipe.text_encoder_2)
    return tensors | under("conditioner.embedders.0.transformer.", first) | under("conditioner.embedders.1.model.", second)


def write(tensors: Tensors, path: Path, **metadata: str) -> Path:
    save_file({key: value.clone().contiguous() for key, value in tensors.items()}, path, metadata=metadata or None)
    return path

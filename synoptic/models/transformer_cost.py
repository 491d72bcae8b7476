"""The arguments of a transformer for one native row, from its config: shapes without numbers, for `cost.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from synoptic.utils.json_objects import JsonObject

Inputs = Callable[[torch.dtype], Mapping[str, object]]  # (dtype) -> a network's arguments for one row, by name
CLIP_TOKENS = 77  # of a CLIP's window
TOKEN_SIDE = 2  # latents


def sd3_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of Stable Diffusion 3 for `side`² latents."""
    return of_shapes(
        hidden_states=(1, config["in_channels"], side, side),
        timestep=(1,),
        encoder_hidden_states=(1, CLIP_TOKENS + text_length, config["joint_attention_dim"]),
        pooled_projections=(1, config["pooled_projection_dim"]),
    )


def flux_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of FLUX.1 for `side`² latents."""
    tokens = (side // TOKEN_SIDE) ** 2
    return of_shapes(
        hidden_states=(1, tokens, config["in_channels"]),
        timestep=(1,),
        encoder_hidden_states=(1, text_length, config["joint_attention_dim"]),
        pooled_projections=(1, config["pooled_projection_dim"]),
        img_ids=(tokens, 3),
        txt_ids=(text_length, 3),
        **({"guidance": (1,)} if config.get("guidance_embeds") else {}),
    )


def z_image_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of Z-Image for `side`² latents, and the longest prompt."""

    def inputs(dtype: torch.dtype) -> Mapping[str, object]:
        picture, words = (config["in_channels"], 1, side, side), (text_length, config["cap_feat_dim"])
        return {
            "x": [torch.empty(picture, dtype=dtype)],
            "t": torch.empty(1),
            "cap_feats": [torch.empty(words, dtype=dtype)],
        }

    return inputs


def pixart_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of PixArt-Sigma for `side`² latents, and the longest prompt."""
    tensors = of_shapes(
        hidden_states=(1, config["in_channels"], side, side),
        timestep=(1,),
        encoder_hidden_states=(1, text_length, config["caption_channels"]),
        encoder_attention_mask=(1, text_length),
    )
    return lambda dtype: {**tensors(dtype), "added_cond_kwargs": {"resolution": None, "aspect_ratio": None}}


def of_shapes(**shapes: tuple[int, ...]) -> Inputs:
    """Return arguments that are one tensor each."""
    return lambda dtype: {name: torch.empty(shape, dtype=dtype) for name, shape in shapes.items()}


def qwen_image_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of Qwen-Image for `side`² latents, and the longest prompt."""
    tokens = side // TOKEN_SIDE
    tensors = of_shapes(
        hidden_states=(1, tokens**2, config["in_channels"]),
        timestep=(1,),
        encoder_hidden_states=(1, text_length, config["joint_attention_dim"]),
    )
    return lambda dtype: {**tensors(dtype), "img_shapes": [[(1, tokens, tokens)]]}


def sana_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of Sana for `side`² latents, and the longest prompt."""
    return of_shapes(
        hidden_states=(1, config["in_channels"], side, side),
        timestep=(1,),
        encoder_hidden_states=(1, text_length, config["caption_channels"]),
        encoder_attention_mask=(1, text_length),
    )


def flux2_inputs(config: JsonObject, side: int, text_length: int) -> Inputs:
    """Return the arguments of FLUX.2 for `side`² latents."""
    tokens = (side // TOKEN_SIDE) ** 2
    return of_shapes(
        hidden_states=(1, tokens, config["in_channels"]),
        timestep=(1,),
        encoder_hidden_states=(1, text_length, config["joint_attention_dim"]),
        img_ids=(tokens, 4),
        txt_ids=(text_length, 4),
    )


TRANSFORMER_INPUTS: dict[str, Callable[[JsonObject, int, int], Inputs]] = {
    "SD3Transformer2DModel": sd3_inputs,
    "FluxTransformer2DModel": flux_inputs,
    "ZImageTransformer2DModel": z_image_inputs,
    "PixArtTransformer2DModel": pixart_inputs,
    "QwenImageTransformer2DModel": qwen_image_inputs,
    "SanaTransformer2DModel": sana_inputs,
    "Flux2Transformer2DModel": flux2_inputs,
}

"""Tiny random models in the layouts of the released ones, built and saved by diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers as library
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from synoptic.models.checkpoint import BUNDLED_DIR

diffusers: Any = library


def tower(kind: Any, width: int) -> Any:
    shape: dict[str, Any] = {"hidden_size": width, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    words: dict[str, Any] = {"vocab_size": 1189, "max_position_embeddings": 48, "eos_token_id": 1, "pad_token_id": 1}
    return kind(CLIPTextConfig(**shape, **words, bos_token_id=0, projection_dim=width))


def tiny_unet(**how) -> Any:
    down, up = ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D")
    size = {"block_out_channels": (8, 16, 32), "layers_per_block": 1, "norm_num_groups": 8, "attention_head_dim": 8}
    return diffusers.UNet2DConditionModel(down_block_types=down, up_block_types=up, **size, **how)


def tiny_vae() -> Any:
    """Reduces by 8."""
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return diffusers.AutoencoderKL(**blocks, block_out_channels=(8,) * 4, norm_num_groups=4)


def save(pipe: Any, folder: Path) -> Path:
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_sd(folder: Path) -> Path:
    """Save a random Stable Diffusion of 64 latents that diffusers' panorama pipeline takes as it is."""
    torch.manual_seed(0)
    pipe = diffusers.StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=tower(CLIPTextModel, 32),
        tokenizer=CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer"),
        unet=tiny_unet(sample_size=64, cross_attention_dim=32),
        scheduler=diffusers.DDIMScheduler.from_pretrained(BUNDLED_DIR / "sd/scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return save(pipe, folder)


def tiny_sdxl(folder: Path) -> Path:
    """Save a random SDXL with the released scheduler's config."""
    torch.manual_seed(0)
    sizes = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 96}
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    pipe = diffusers.StableDiffusionXLPipeline(
        vae=tiny_vae(),
        text_encoder=tower(CLIPTextModel, 32),
        text_encoder_2=tower(CLIPTextModelWithProjection, 48),
        tokenizer=CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer"),
        unet=tiny_unet(sample_size=16, cross_attention_dim=80, use_linear_projection=True, **sizes),
        scheduler=diffusers.EulerDiscreteScheduler(**betas, steps_offset=1, timestep_spacing="leading"),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    return save(pipe, folder)

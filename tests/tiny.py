"""Tiny random models in the layouts of the released ones, built and saved by diffusers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers as library
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from synoptic.models.checkpoint import BUNDLED_DIR

diffusers: Any = library


def tower(kind: Any, width: int) -> Any:
    shape: dict[str, Any] = {"hidden_size": width, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    words: dict[str, Any] = {"vocab_size": 1604, "max_position_embeddings": 48, "eos_token_id": 1, "pad_token_id": 1}
    return kind(CLIPTextConfig(**shape, **words, bos_token_id=0, projection_dim=width))


def tiny_unet(**how) -> Any:
    down, up = ("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D")
    size = {"block_out_channels": (8, 16, 32), "layers_per_block": 1, "norm_num_groups": 8, "attention_head_dim": 8}
    return diffusers.UNet2DConditionModel(down_block_types=down, up_block_types=up, **size, **how)


def tiny_vae(**how) -> Any:
    """Reduces by 8."""
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return diffusers.AutoencoderKL(**blocks, block_out_channels=(8,) * 4, norm_num_groups=4, **how)


def t5_tower(width: int) -> dict[str, Any]:
    """A random T5 and the bundled one's tokenizer."""
    tokenizer = T5Tokenizer.from_pretrained(BUNDLED_DIR / "if/tokenizer")
    shape: dict[str, Any] = {"d_model": width, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    words: dict[str, Any] = {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    config = T5Config(**shape, **words, feed_forward_proj="gated-gelu")
    return {"encoder": T5EncoderModel(config), "tokenizer": tokenizer}


FLOW_VAE: dict[str, Any] = {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}


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
        vae=tiny_vae(scaling_factor=0.13025),
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


def tiny_sd3(folder: Path, side: int = 16) -> Path:
    """Save a random Stable Diffusion 3.5 of `side` latents."""
    torch.manual_seed(0)
    tokenizer, t5 = CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer"), t5_tower(96)
    size = {"sample_size": side, "pos_embed_max_size": 32, "num_layers": 2, "attention_head_dim": 16}
    text = {"joint_attention_dim": 96, "caption_projection_dim": 32, "pooled_projection_dim": 80}
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            **size, **text, num_attention_heads=2, qk_norm="rms_norm", dual_attention_layers=(0,)
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_vae(scaling_factor=1.5305, shift_factor=0.0609, **FLOW_VAE),
        text_encoder=tower(CLIPTextModelWithProjection, 32),
        tokenizer=tokenizer,
        text_encoder_2=tower(CLIPTextModelWithProjection, 48),
        tokenizer_2=tokenizer,
        text_encoder_3=t5["encoder"],
        tokenizer_3=t5["tokenizer"],
    )
    return save(pipe, folder)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Return a tokenizer of bytes, with Qwen3's chat template for a single message."""
    vocabulary = {letter: k for k, letter in enumerate(sorted(ByteLevel.alphabet()))}
    for word in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"):
        vocabulary[word] = len(vocabulary)
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=["<|im_start|>", "<|im_end|>"])
    message = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    tokenizer.chat_template = "{% for m in messages %}" + message + "{% endfor %}{{ '<|im_start|>assistant\n' }}"
    tokenizer.chat_template += "{% if enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    return tokenizer


def tiny_z_image(folder: Path, side: int = 16) -> Path:
    """Save a random Z-Image of `side` latents."""
    torch.manual_seed(0)
    tokenizer = qwen_tokenizer()
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "num_hidden_layers": 3}
    text = Qwen3Model(Qwen3Config(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, **heads))
    size = {"dim": 32, "n_layers": 2, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2, "cap_feat_dim": 32}
    pipe = diffusers.ZImagePipeline(
        transformer=diffusers.ZImageTransformer2DModel(**size, axes_dims=[8, 4, 4], axes_lens=[640, 32, 32]),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159, **FLOW_VAE),
        text_encoder=text,
        tokenizer=tokenizer,
    )
    return with_native_side(save(pipe, folder), side)


def tiny_pixart(folder: Path, side: int = 16) -> Path:
    """Save a random PixArt-Sigma of `side` latents."""
    torch.manual_seed(0)
    t5, heads = t5_tower(32), {"num_attention_heads": 4, "attention_head_dim": 8, "num_layers": 2, "patch_size": 2}
    pipe = diffusers.PixArtSigmaPipeline(
        transformer=diffusers.PixArtTransformer2DModel(
            **heads,
            sample_size=side,
            caption_channels=32,
            cross_attention_dim=32,
            interpolation_scale=1,
            use_additional_conditions=False,
        ),
        scheduler=diffusers.DPMSolverMultistepScheduler(beta_schedule="linear", beta_start=1e-4, beta_end=0.02),
        vae=tiny_vae(scaling_factor=0.13025),
        text_encoder=t5["encoder"],
        tokenizer=t5["tokenizer"],
    )
    return save(pipe, folder)


def with_native_side(folder: Path, side: int) -> Path:
    """Write the size of x into a transformer's config, where the released ones' say nothing of it."""
    config = folder / "transformer/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": side}))
    return folder


def tiny_qwen_image(folder: Path, side: int = 16) -> Path:
    """Save a random Qwen-Image of `side` latents, with statistics of its channels."""
    torch.manual_seed(0)
    tokenizer = qwen_tokenizer()
    vae: dict[str, Any] = {"base_dim": 12, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    statistics = {"latents_mean": [0.1 * k for k in range(16)], "latents_std": [1 + 0.1 * k for k in range(16)]}
    words: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
    }
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "rope_parameters": rope}
    sight = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32, "patch_size": 14}
    text = Qwen2_5_VLConfig(text_config=words | heads, vision_config=sight | {"fullatt_block_indexes": [0]})
    size = {"in_channels": 64, "out_channels": 16, "num_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2}
    shift = {"base_shift": 0.5, "max_shift": 0.9, "base_image_seq_len": 256, "max_image_seq_len": 8192}
    pipe = diffusers.QwenImagePipeline(
        transformer=diffusers.QwenImageTransformer2DModel(**size, joint_attention_dim=32, axes_dims_rope=(4, 6, 6)),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02, **shift),
        vae=diffusers.AutoencoderKLQwenImage(z_dim=16, temperal_downsample=[False, True, True], **vae, **statistics),
        text_encoder=Qwen2_5_VLForConditionalGeneration(text),
        tokenizer=tokenizer,
    )
    return with_native_side(save(pipe, folder), side)


def gemma_tokenizer() -> GemmaTokenizer:
    """Return a tokenizer of letters, and of bytes for what is none."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.'-:\n"
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{k:02X}>" for k in range(256)), "▁", *letters]
    return GemmaTokenizer(vocab={word: k for k, word in enumerate(words)}, merges=[])


def tiny_sana(folder: Path, side: int = 32) -> Path:
    """Save a random Sana of `side` latents, of 2x2 pixels each."""
    torch.manual_seed(0)
    tokenizer, kinds = gemma_tokenizer(), ("ResBlock", "EfficientViTBlock")
    shape: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "sliding_window": 512}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    coder: dict[str, Any] = {}
    for half in ("encoder", "decoder"):
        coder |= {f"{half}_block_types": kinds, f"{half}_block_out_channels": (8, 8), f"{half}_layers_per_block": (1, 1)}
        coder |= {f"{half}_qkv_multiscales": ((), (5,))}
    blocks = {"downsample_block_type": "conv", "upsample_block_type": "interpolate", "decoder_act_fns": "silu"}
    cross = {
        "num_cross_attention_heads": 4,
        "cross_attention_head_dim": 8,
        "cross_attention_dim": 32,
        "caption_channels": 32,
    }
    size = {"in_channels": 8, "out_channels": 8, "num_layers": 2, "num_attention_heads": 4, "attention_head_dim": 8}
    pipe = diffusers.SanaPipeline(
        transformer=diffusers.SanaTransformer2DModel(**size, **cross, sample_size=side, patch_size=1),
        scheduler=diffusers.DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        vae=diffusers.AutoencoderDC(latent_channels=8, attention_head_dim=2, scaling_factor=0.41407, **coder, **blocks),
        text_encoder=Gemma2Model(Gemma2Config(vocab_size=len(tokenizer), **shape, **heads)),
        tokenizer=tokenizer,
    )
    return save(pipe, folder)


def tiny_klein(folder: Path, side: int = 16, is_distilled: bool = False) -> Path:
    """Save a random FLUX.2 klein of `side` latents, with statistics of its BatchNorm."""
    torch.manual_seed(0)
    tokenizer = qwen_tokenizer()
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "num_hidden_layers": 4}
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    vae = diffusers.AutoencoderKLFlux2(**blocks, block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=4)
    vae.bn.running_mean.normal_()
    vae.bn.running_var.uniform_(0.5, 2)
    size = {"in_channels": 128, "num_layers": 1, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2}
    text = {"joint_attention_dim": 96, "timestep_guidance_channels": 64, "axes_dims_rope": (4, 4, 4, 4)}
    pipe = diffusers.Flux2KleinPipeline(
        transformer=diffusers.Flux2Transformer2DModel(**size, **text, patch_size=1, guidance_embeds=False),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=vae,
        text_encoder=Qwen3ForCausalLM(Qwen3Config(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, **heads)),
        tokenizer=tokenizer,
        is_distilled=is_distilled,
    )
    return with_native_side(save(pipe, folder), side)


def tiny_flux(folder: Path, side: int = 16, guidance_embeds: bool = True) -> Path:
    """Save a random FLUX.1 of `side` latents: dev, whose network is told a guidance scale, or schnell."""
    torch.manual_seed(0)
    dev = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
    size = {"in_channels": 64, "num_layers": 1, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2}
    t5 = t5_tower(32)
    pipe = diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            **size,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 6, 6),
            guidance_embeds=guidance_embeds,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**(dev if guidance_embeds else {"shift": 1.0})),
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159, **FLOW_VAE),
        text_encoder=tower(CLIPTextModel, 32),
        tokenizer=CLIPTokenizer.from_pretrained(BUNDLED_DIR / "sd/tokenizer"),
        text_encoder_2=t5["encoder"],
        tokenizer_2=t5["tokenizer"],
    )
    return with_native_side(save(pipe, folder), side)

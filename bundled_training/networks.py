"""The networks of the family, each a genuine diffusers or transformers class with its configuration. Weights are random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    DPTConfig,
    DPTForDepthEstimation,
    Swinv2Config,
    T5Config,
    T5EncoderModel,
)

PLAIN, CROSS = "DownBlock2D", "CrossAttnDownBlock2D"
UP = {PLAIN: "UpBlock2D", CROSS: "CrossAttnUpBlock2D"}


def unet(*blocks: tuple[str, int], **rest: Any) -> Any:
    """A U-Net of one layer a block, from the finest level to the coarsest: (kind, channels) of each."""
    build: Any = UNet2DConditionModel
    return build(
        block_out_channels=tuple(channels for _, channels in blocks),
        down_block_types=tuple(kind for kind, _ in blocks),
        up_block_types=tuple(UP[kind] for kind, _ in reversed(blocks)),
        layers_per_block=1,
        cross_attention_dim=256,
        **rest,
    )


def latent_unet(channels: int = 8) -> Any:
    """sd: 32x32 latents of eight channels, conditioned on the CLIP text tower."""
    blocks = (PLAIN, 96), (CROSS, 160), (CROSS, 224)
    return unet(*blocks, sample_size=32, in_channels=channels, out_channels=channels, attention_head_dim=4)


def control() -> Any:
    """sd's ControlNet: its encoder without attention, so the map speaks and not the prompt; maps of 256x256 RGB pixels."""
    build: Any = ControlNetModel
    return build(
        block_out_channels=(96, 160, 224),
        in_channels=8,
        down_block_types=(PLAIN,) * 3,
        mid_block_type="UNetMidBlock2D",
        layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=256,
        conditioning_embedding_out_channels=(16, 32, 48, 64),
    )


def pixel_unet() -> Any:
    """if: 64x64 pixels, with learned variance (channels 3 to 5) and DeepFloyd's two roads for the text."""
    blocks = (PLAIN, 64), (PLAIN, 96), (CROSS, 128), (CROSS, 192)
    return unet(*blocks, sample_size=64, in_channels=3, out_channels=6, attention_head_dim=4, **T5_ROADS)


def upscaling_unet() -> Any:
    """if-ii: 256x256 pixels given the 64x64 ones, enlarged and noised to a level that the network is told."""
    blocks = (PLAIN, 32), (PLAIN, 48), (PLAIN, 64), (CROSS, 96)
    return unet(
        *blocks, sample_size=256, in_channels=6, out_channels=6, attention_head_dim=4, norm_num_groups=16,
        class_embed_type="timestep", **T5_ROADS,
    )  # fmt: skip


T5_ROADS = {
    "encoder_hid_dim": 256,
    "encoder_hid_dim_type": "text_proj",
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 4,
    "resnet_time_scale_shift": "scale_shift",
}


def vae(channels: int = 8) -> Any:
    """Build sd's autoencoder: pictures of 256x256 pixels to 32x32 latents of so many channels.

    It has no attention, so that it is as good on any size.
    """
    levels = (32, 64, 96, 128)
    build: Any = AutoencoderKL
    return build(
        block_out_channels=levels,
        down_block_types=("DownEncoderBlock2D",) * len(levels),
        up_block_types=("UpDecoderBlock2D",) * len(levels),
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=16,
        sample_size=256,
        mid_block_add_attention=False,
    )


def t5(words: int) -> T5EncoderModel:
    """if's text tower, over a tokenizer of so many words."""
    sizes = {"vocab_size": words, "d_model": 256, "d_kv": 64, "num_heads": 4, "d_ff": 384, "num_layers": 2}
    kind = {"feed_forward_proj": "gated-gelu", "dropout_rate": 0.0, "tie_word_embeddings": False}
    return T5EncoderModel(T5Config(**sizes, **kind, pad_token_id=0, eos_token_id=1))


@dataclass(frozen=True)
class Tower:
    """Width, layers and heads of a transformer; its feed-forward is four times as wide."""

    width: int
    layers: int
    heads: int

    def config(self, projection: int, **rest: Any) -> dict[str, Any]:
        size = {"hidden_size": self.width, "intermediate_size": 4 * self.width, "num_hidden_layers": self.layers}
        return {**size, "num_attention_heads": self.heads, "projection_dim": projection, **rest}


@dataclass(frozen=True)
class Contrast:
    """A CLIPModel: text tower, vision tower, the pictures' side and the patch's, the projection's width."""

    text: Tower
    vision: Tower
    pixels: int
    patch: int
    projection: int

    def build(self, tokenizer: CLIPTokenizer) -> CLIPModel:
        end = tokenizer.eos_token_id
        text = self.text.config(
            self.projection, vocab_size=len(tokenizer), max_position_embeddings=tokenizer.model_max_length,
            hidden_act="quick_gelu", bos_token_id=tokenizer.bos_token_id, eos_token_id=end, pad_token_id=end,
        )  # fmt: skip
        vision = self.vision.config(self.projection, image_size=self.pixels, patch_size=self.patch)
        return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=self.projection))


CONDITIONER = Contrast(Tower(256, 3, 4), Tower(256, 6, 4), pixels=64, patch=8, projection=256)
REFERENCE = Contrast(Tower(128, 4, 4), Tower(192, 6, 3), pixels=96, patch=12, projection=128)
REFERENCE_GRAYSCALE = Contrast(Tower(96, 3, 3), Tower(160, 4, 5), pixels=80, patch=8, projection=96)


def latent_scheduler() -> DDIMScheduler:
    """v-prediction down to a signal of 0.25 %: Stable Diffusion's own schedule stops at 7 %, and greys backgrounds.

    Not zero (Lin et al. 2024): an alpha of 0 has no x0 for a given eps, which sync="eps" and score distillation need.
    """
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.03, beta_schedule="scaled_linear", prediction_type="v_prediction",
        timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True, steps_offset=1,
    )  # fmt: skip


def depth_model() -> Any:
    """The depth model: a Swin transformer's four levels, and the layers that DPT gathers them with."""
    build: Any = DPTForDepthEstimation
    swin: Any = Swinv2Config
    channels = 16
    levels = [channels * 2**k for k in range(4)]
    backbone = swin(
        image_size=256, patch_size=4, embed_dim=channels, depths=[1, 2, 3, 1], num_heads=[1, 2, 4, 8], window_size=8,
        mlp_ratio=2.0, drop_path_rate=0.0, out_features=[f"stage{k}" for k in range(1, 5)],
    )  # fmt: skip
    net = build(
        DPTConfig(
            backbone_config=backbone, neck_hidden_sizes=levels, fusion_hidden_size=16, use_bias_in_fusion_residual=True
        )
    )
    for layer in (*net.neck.modules(), *net.head.modules()):
        if isinstance(layer, torch.nn.Conv2d):
            layer.reset_parameters()  # DPT's own beginning, meant for a trained backbone, all but silences them
    return net


def pixel_scheduler() -> DDPMScheduler:
    """IF's: cosine, learned range; with v-prediction, which a small network learns better, and x0 clipped to [-1, 1].

    (Dynamic thresholding, as IF's, divides x0 by what guidance adds: white grounds come out gray.)
    """
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", variance_type="learned_range",
        clip_sample=True, timestep_spacing="trailing",
    )  # fmt: skip


def upscaling_scheduler() -> DDPMScheduler:
    """For stage II, clipped to [-1, 1], its picture being known almost from the start. Its learned variance is unused.

    (Trained for minutes, it leaves its range here and there, and ancestral sampling paints specks.)
    """
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", variance_type="fixed_small",
        clip_sample=True, timestep_spacing="trailing",
    )  # fmt: skip


def noising_scheduler() -> DDPMScheduler:
    """What noises stage I's pictures before stage II looks at them."""
    return DDPMScheduler(beta_schedule="squaredcos_cap_v2")


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())

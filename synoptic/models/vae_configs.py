"""What a VAE's config says of its sizes, whatever its class. Imports nothing heavy."""

from __future__ import annotations

import re
from typing import NamedTuple

from synoptic.utils.json_objects import JsonObject

FIRST_CONVOLUTION = re.compile(r"encoder\.down(?:_blocks)?\.(\d+)\.(?:block|resnets)\.(\d+)\.conv1\.weight")
MIDDLE_ATTENTION = ("encoder.mid.attn_1.", "encoder.mid_block.attentions.")


def vae_factor(config: JsonObject) -> int:
    """Return image pixels per latent."""
    if "temperal_downsample" in config:  # of Qwen-Image's, a VAE of films, each entry a halving; diffusers' spelling
        return 2 ** len(config["temperal_downsample"])
    return 2 ** (len(config.get("encoder_block_out_channels") or config["block_out_channels"]) - 1)


def vae_width(config: JsonObject) -> int:
    """Return the channels of the outermost block, whose maps have the picture's size."""
    if "base_dim" in config:
        return config["base_dim"]
    return (config.get("decoder_block_out_channels") or config["block_out_channels"])[0]


def kept_maps(config: JsonObject) -> float:
    """Return how many maps of its outermost block an encoder takes at most where gradients pass it.

    Kept are six of every residual block, the inputs of two norms, two activations and two convolutions, and one of every
    level, that of the convolution that halves it; two are for gradients. Counted as of Stable Diffusion's VAE where a config
    has no such blocks.
    """
    widths, layers = config.get("block_out_channels"), config.get("layers_per_block")
    if not widths or not isinstance(layers, int):
        widths, layers = [1, 2, 4, 4], 2
    return 2 + sum((6 * layers + 1) * width / widths[0] / 4**level for level, width in enumerate(widths))


def vae_channels(config: JsonObject) -> int:
    """Return the channels of a latent."""
    return config.get("latent_channels") or config.get("z_dim") or 4


def vae_shape(header: JsonObject, prefix: str) -> dict[str, tuple[object, object]]:
    """Return what the tensors of an AutoencoderKL's file tell of its config, and what it is where a config is silent.

    In the first Stable Diffusion code's names, or in diffusers'.
    """
    shapes = {key.removeprefix(prefix): about for key, about in header.items() if key.startswith(prefix)}
    found = {(int(m[1]), int(m[2])): shapes[m[0]]["shape"][0] for m in map(FIRST_CONVOLUTION.fullmatch, shapes) if m}
    levels = range(1 + max((level for level, _ in found), default=-1))
    return {
        "block_out_channels": ([found.get((level, 0), 0) for level in levels], [64]),
        "layers_per_block": (sum(level == 0 for level, _ in found), 1),
        "mid_block_add_attention": (any(key.startswith(MIDDLE_ATTENTION) for key in shapes), True),
        "use_quant_conv": ("quant_conv.weight" in shapes, True),
        "use_post_quant_conv": ("post_quant_conv.weight" in shapes, True),
    }


class Latents(NamedTuple):
    """How a family's released VAE scales its latents."""

    family: str
    scale: float
    shift: float


SD, SDXL = Latents("Stable Diffusion 1 and 2", 0.18215, 0.0), Latents("SDXL and PixArt", 0.13025, 0.0)
SD3, FLUX = Latents("Stable Diffusion 3", 1.5305, 0.0609), Latents("FLUX.1 and Z-Image", 0.3611, 0.1159)
LATENTS = {
    "StableDiffusionPipeline": SD,
    "StableDiffusionXLPipeline": SDXL,
    "PixArtSigmaPipeline": SDXL,
    "StableDiffusion3Pipeline": SD3,
    "FluxPipeline": FLUX,
    "ZImagePipeline": FLUX,
}


SD_BLOCKS, SD_SIZES = [128, 256, 512, 512], (256, 512, 768)  # of the released VAEs of Stable Diffusion 1 and 2


def foreign_latents(config: JsonObject, pipeline_class: str, channels: int) -> Latents | None:
    """Return whose latents a VAE makes where they are another family's, not those of this class.

    Numbers of no family, as of a VAE that was trained further, are anyone's; so are those of Stable Diffusion 1, which are
    diffusers' default too, where the latents have as many channels as the network takes, but for one of its released VAEs
    in an SDXL.
    """
    own, numbers = LATENTS.get(pipeline_class), (config.get("scaling_factor") or SD.scale, config.get("shift_factor") or 0.0)
    other = next((latents for latents in LATENTS.values() if latents[1:] == numbers), None)
    is_sd = config.get("block_out_channels") == SD_BLOCKS and config.get("sample_size") in SD_SIZES
    is_anyones = not (is_sd and pipeline_class == "StableDiffusionXLPipeline") and vae_channels(config) == channels
    if own is None or other is own or (other is SD and is_anyones):
        return None
    return None if config.get("latents_mean") is not None else other

"""What a VAE's config says of its sizes, whatever its class. Imports nothing heavy."""

from __future__ import annotations

from synoptic.utils.json_objects import JsonObject


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


def vae_channels(config: JsonObject) -> int:
    """Return the channels of a latent."""
    return config.get("latent_channels") or config.get("z_dim") or 4

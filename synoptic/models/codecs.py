"""VAEs behind two functions: pictures to latents as the network knows them, and back.

The classes differ in how a latent is read from the encoder, and in how it is brought to unit variance.
"""

from __future__ import annotations

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.models.vae_configs import vae_factor, vae_width


class Codec:
    """An AutoencoderKL: a scale and a shift of all latents, or of each channel where its config has statistics."""

    def __init__(self, vae: ModelMixin) -> None:
        self.vae, self.factor, self.width = vae, vae_factor(vae.config), vae_width(vae.config)

    def encode(self, image: Tensor) -> Tensor:
        """Encode (N, 3, H, W) in the VAE's dtype as its own latents (N, C, h, w), the mode."""
        return self.vae.encode(image).latent_dist.mode()

    def decode(self, latents: Tensor) -> Tensor:
        """Map the VAE's own latents to (N, 3, H, W)."""
        return self.vae.decode(latents, return_dict=False)[0]

    def normalize(self, latents: Tensor) -> Tensor:
        """Map the VAE's own latents to the network's."""
        shift, scale = self._affine(latents)
        return (latents - shift) * scale

    def denormalize(self, x: Tensor) -> Tensor:
        """Map the network's latents to the VAE's own."""
        shift, scale = self._affine(x)
        return x / scale + shift

    def _affine(self, like: Tensor) -> tuple[float | Tensor, float | Tensor]:
        """Return (shift, scale), numbers or (C, 1, 1), for latents (N, C, h, w)."""
        config = self.vae.config
        scale = config.get("scaling_factor") or 1.0
        if config.get("latents_mean") is None or config.get("latents_std") is None:
            return config.get("shift_factor") or 0.0, scale
        mean, std = (
            torch.tensor(config[key], dtype=torch.float32).to(like)[:, None, None] for key in ("latents_mean", "latents_std")
        )
        return mean, scale / std


class FilmCodec(Codec):
    """Qwen-Image's VAE, of films: a picture is a film of one frame."""

    def encode(self, image: Tensor) -> Tensor:
        return self.vae.encode(image.unsqueeze(2)).latent_dist.mode().squeeze(2)

    def decode(self, latents: Tensor) -> Tensor:
        return self.vae.decode(latents.unsqueeze(2), return_dict=False)[0].squeeze(2)


class DeepCompressionCodec(Codec):
    """Sana's autoencoder (Chen et al. 2025, DC-AE), which is no VAE: a picture has one latent."""

    def encode(self, image: Tensor) -> Tensor:
        return self.vae.encode(image).latent


class Flux2Codec(Codec):
    """FLUX.2's VAE: statistics of each channel at each place in a square of 2x2 latents, by a BatchNorm."""

    def _affine(self, like: Tensor) -> tuple[Tensor, Tensor]:
        norm, (h, w) = self.vae.bn, like.shape[-2:]
        std = (norm.running_var + self.vae.config.batch_norm_eps).sqrt()
        mean, std = (each.to(like).view(-1, 2, 2).repeat(1, h // 2, w // 2) for each in (norm.running_mean, std))
        return mean, 1 / std


CODECS: dict[str, type[Codec]] = {
    "AutoencoderKLQwenImage": FilmCodec,
    "AutoencoderDC": DeepCompressionCodec,
    "AutoencoderKLFlux2": Flux2Codec,
}


def codec_of(vae: ModelMixin) -> Codec:
    """Return the codec of a VAE of diffusers."""
    return CODECS.get(type(vae).__name__, Codec)(vae)

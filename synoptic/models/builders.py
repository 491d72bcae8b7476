"""What builds a family's denoiser, upscaler and text encoder, by the class of its pipeline: a row each."""

from __future__ import annotations

from collections.abc import Callable

from synoptic.models import latent, pixel, transformer, upscaler
from synoptic.models.text import (
    TextEncoder,
    clip_text_encoder,
    double_clip_text_encoder,
    t5_text_encoder,
)
from synoptic.models.text_flow import flux_text_encoder, pixart_text_encoder, sd3_text_encoder, z_image_text_encoder
from synoptic.models.text_language import flux2_klein_text_encoder, qwen_image_text_encoder, sana_text_encoder
from synoptic.models.transformer_networks import (
    Flux2Transformer,
    PixArtTransformer,
    SanaTransformer,
    Sd3Transformer,
    ZImageTransformer,
)
from synoptic.models.upscaler import Upscaler

BUILDERS: dict[str, Callable[..., latent.LatentDenoiser | pixel.PixelDenoiser | transformer.TransformerDenoiser]] = {
    "StableDiffusionPipeline": latent.stable_diffusion,
    "StableDiffusionXLPipeline": latent.stable_diffusion,
    "IFPipeline": pixel.deepfloyd,
    "StableDiffusion3Pipeline": transformer.builder(Sd3Transformer),
    "FluxPipeline": transformer.flux,
    "ZImagePipeline": transformer.builder(ZImageTransformer),
    "PixArtSigmaPipeline": transformer.builder(PixArtTransformer),
    "QwenImagePipeline": transformer.qwen_image,
    "SanaPipeline": transformer.builder(SanaTransformer),
    "Flux2KleinPipeline": transformer.builder(Flux2Transformer),
}
UPSCALER_BUILDERS: dict[str, Callable[..., Upscaler]] = {
    "StableDiffusionUpscalePipeline": upscaler.stable_diffusion,
    "IFSuperResolutionPipeline": upscaler.deepfloyd,
}
TEXT_ENCODERS: dict[str, Callable[..., TextEncoder]] = {
    "StableDiffusionPipeline": clip_text_encoder,
    "StableDiffusionXLPipeline": double_clip_text_encoder,
    "StableDiffusionUpscalePipeline": clip_text_encoder,
    "IFPipeline": t5_text_encoder,
    "StableDiffusion3Pipeline": sd3_text_encoder,
    "FluxPipeline": flux_text_encoder,
    "ZImagePipeline": z_image_text_encoder,
    "PixArtSigmaPipeline": pixart_text_encoder,
    "QwenImagePipeline": qwen_image_text_encoder,
    "SanaPipeline": sana_text_encoder,
    "Flux2KleinPipeline": flux2_klein_text_encoder,
    "IFSuperResolutionPipeline": t5_text_encoder,
}

"""Latent models: a VAE's latents, and the U-Nets in them: Stable Diffusion 1.x, 2.x and SDXL.

Rombach et al. 2022; Podell et al. 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Pred, Rows, Schedule, Time, pred_from_output
from synoptic.models.attention_products import use_attention_products
from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.codecs import Codec, codec_of
from synoptic.models.compile import GraphedCall, compile_blocks, without_compiled_blocks
from synoptic.models.components import ComponentLoader
from synoptic.models.lora import Lora
from synoptic.models.memory import TILE_IMAGES, coded_pixels, free_memory
from synoptic.models.merged_upsampling import merge_upsampling
from synoptic.models.text import TextEncoder, embed_in_halves
from synoptic.models.textual_inversion import TextualInversion
from synoptic.models.tiling import tiled_in_batches
from synoptic.models.unet import UNet, freeze
from synoptic.utils.arguments import typed


class LatentSpace:
    """What models in a VAE's latents share. Pictures too large to be coded at once are coded in pieces, which overlap."""

    checkpoint: Checkpoint  # set by `load`, as are the next
    loras: Sequence[Lora] = ()
    textual_inversions: Sequence[TextualInversion] = ()
    other_vae: Checkpoint | None = None

    def __init__(self, vae: ModelMixin, shape: tuple[int, int, int], layout: torch.memory_format) -> None:
        if vae.device.type == "cpu" and vae.dtype == torch.float32:
            merge_upsampling(vae)
        use_attention_products(vae)
        freeze(vae, layout)
        self.vae, self.shape = vae, shape
        self.compiled = False
        self.graphed_encode: GraphedCall | None = None
        self.codec = codec_of(vae)
        self.factor: int = self.codec.factor

    def compile(self) -> None:
        """Compile the VAE's blocks for gradients: a picture at the end is not worth the minute.

        On a GPU, encoding one native picture by an AutoencoderKL is captured as a CUDA graph; others were not tried.
        """
        compile_blocks(self.vae)
        self.compiled = True
        if type(self.codec) is Codec:
            self.graphed_encode = GraphedCall(self.codec.encode)

    @typed
    def encode(self, image: Rows) -> Tensor:
        f, (_, h, w), places = self.factor, self.shape, self.coded_pixels
        area = min(TILE_IMAGES * h * w * f * f, places)
        tiles = image.to(self.vae.dtype)
        mean = tiled_in_batches(self._encode_tile, tiles, area, h * f // 2, max_places=places, unit=f)
        return self.codec.normalize(mean.to(image.dtype))

    @typed
    def decode(self, x: Rows) -> Tensor:
        latents = self.codec.denormalize(x)
        (_, h, w), places = self.shape, self.coded_pixels // self.factor**2
        area = min(TILE_IMAGES * h * w, places)
        return tiled_in_batches(self._decode_tile, latents.to(self.vae.dtype), area, h // 2, max_places=places).to(x.dtype)

    @property
    def coded_pixels(self) -> int:
        """Pixels that the VAE codes at once."""
        (_, h, w), device = self.shape, self.vae.device
        native = h * w * self.factor**2
        return coded_pixels(self.codec.width, self.vae.dtype.itemsize, native, device, free_memory(device))

    def _encode_tile(self, image: Tensor) -> Tensor:
        one_picture = image.numel() <= 3 * self.shape[-2] * self.shape[-1] * self.factor**2
        graphed = self.graphed_encode if one_picture and torch.is_grad_enabled() and image.requires_grad else None
        with self._eager(image):
            return (graphed or self.codec.encode)(image)

    def _decode_tile(self, latents: Tensor) -> Tensor:
        with self._eager(latents):
            return self.codec.decode(latents)

    def _eager(self, x: Tensor) -> AbstractContextManager[object]:
        passes = torch.is_grad_enabled() and x.requires_grad
        return without_compiled_blocks(passes) if self.compiled else nullcontext()


class LatentDenoiser(LatentSpace):
    """A U-Net in the latents of a VAE."""

    def __init__(self, unet: UNet, vae: ModelMixin, text_encoder: TextEncoder, schedule: Schedule) -> None:
        super().__init__(vae, unet.shape, unet.layout)
        self.unet, self.text_encoder, self.schedule = unet, text_encoder, schedule
        self.device, self.dtype, self.row_bytes = unet.device, unet.dtype, unet.row_bytes

    @property
    def network(self) -> ModelMixin:
        return self.unet.net

    def compile(self) -> None:
        self.unet.compile()
        super().compile()

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Conditioning:
        return self.unet.cache_text_keys(embed_in_halves(self.text_encoder, prompts))

    @typed
    def predict(self, x: Rows, t: Time, cond: Conditioning) -> Pred:
        return pred_from_output(self.schedule, x, self.unet(x, self.schedule.network_time(t), cond), t)


def stable_diffusion(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> LatentDenoiser:
    """Return a StableDiffusionPipeline or StableDiffusionXLPipeline directory; `part(name)`
    loads its component of that name.
    """
    return LatentDenoiser(UNet(component("unet")), component("vae"), text_encoder, schedule)

"""Pixel models: DeepFloyd IF, stage I (Saharia et al. 2022, Imagen)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Pred, Rows, Schedule, Time, pred_from_output
from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.components import ComponentLoader
from synoptic.models.lora import Lora
from synoptic.models.text import TextEncoder, embed_in_halves
from synoptic.models.textual_inversion import TextualInversion
from synoptic.models.unet import UNet
from synoptic.utils.arguments import typed


class PixelDenoiser:
    """A UNet on RGB itself. Further channels ride along as `Pred.var` where the schedule's variance is learned."""

    checkpoint: Checkpoint  # set by `load`, as are the next
    loras: Sequence[Lora] = ()
    textual_inversions: Sequence[TextualInversion] = ()
    other_vae: Checkpoint | None = None

    factor = 1

    def __init__(self, unet: UNet, text_encoder: TextEncoder, schedule: Schedule) -> None:
        self.unet, self.text_encoder, self.schedule = unet, text_encoder, schedule
        self.shape, self.device, self.dtype, self.row_bytes = unet.shape, unet.device, unet.dtype, unet.row_bytes

    @property
    def network(self) -> ModelMixin:
        return self.unet.net

    def compile(self) -> None:
        self.unet.compile()

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Conditioning:
        return self.unet.cache_text_keys(embed_in_halves(self.text_encoder, prompts))

    @typed
    def predict(self, x: Rows, t: Time, cond: Conditioning) -> Pred:
        out = self.unet(x, self.schedule.network_time(t), cond)
        C = self.shape[0]
        return pred_from_output(self.schedule, x, out[:, :C], t, out[:, C:] if self.schedule.learned_variance else None)

    @typed
    def encode(self, image: Rows) -> Tensor:
        return image

    @typed
    def decode(self, x: Rows) -> Tensor:
        return x


def deepfloyd(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> PixelDenoiser:
    """Return an IFPipeline directory."""
    return PixelDenoiser(UNet(component("unet")), text_encoder, schedule)

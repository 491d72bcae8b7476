"""Denoisers of a transformer in a VAE's latents: Stable Diffusion 3, FLUX.1, FLUX.2 klein, Z-Image and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import partial

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Pred, Rows, Schedule, Time, pred_from_output
from synoptic.models.base import Combine, Conditioning, PretrainedModel
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.components import ComponentLoader
from synoptic.models.latent import LatentSpace
from synoptic.models.text import TextEncoder, embed_in_halves
from synoptic.models.transformer_networks import FluxTransformer, QwenImageTransformer, Transformer, packed, unpacked
from synoptic.utils.arguments import typed

Builder = Callable[[ComponentLoader, Checkpoint, Schedule, TextEncoder], "TransformerDenoiser"]


def keep_token_norms(s: Schedule, x: Tensor, t: Time, null: Pred, cond: Pred, scale: float | Tensor) -> Pred:
    """Return classifier-free guidance whose velocity is as long in every token of 2x2 latents as `cond`'s (Qwen-Image)."""
    own, without = (p.eps - p.x0 for p in (cond, null))
    v = without + scale * (own - without)
    norms, own_norms = (packed(each, 2).norm(dim=-1, keepdim=True) for each in (v, own))
    factor = unpacked((own_norms / norms).expand(-1, -1, 4), x.shape[-2] // 2, x.shape[-1] // 2, 2)
    return pred_from_output(s, x, v * factor, t)


class TransformerDenoiser(LatentSpace):
    """A transformer in the latents of a VAE. Where its network is conditioned on a guidance scale, that is `guidance_scale`.

    `combine` guides in the family's own way, where that is not plain classifier-free guidance.
    """

    def __init__(
        self,
        transformer: Transformer,
        vae: ModelMixin,
        text_encoder: TextEncoder,
        schedule: Schedule,
        guidance_scale: float | None = None,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(vae, transformer.shape, torch.contiguous_format)
        self.transformer, self.text_encoder, self.schedule = transformer, text_encoder, schedule
        self.device, self.dtype, self.row_bytes = transformer.device, transformer.dtype, transformer.row_bytes
        self.guidance_scale, self.combine = guidance_scale, combine

    @property
    def network(self) -> ModelMixin:
        return self.transformer.net

    def compile(self) -> None:
        self.transformer.compile()
        super().compile()

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Conditioning:
        cond = embed_in_halves(self.text_encoder, prompts)
        if self.guidance_scale is None:
            return cond
        return replace(
            cond, guidance=torch.full((len(prompts),), self.guidance_scale, dtype=torch.float32, device=self.device)
        )

    @typed
    def predict(self, x: Rows, t: Time, cond: Conditioning) -> Pred:
        return pred_from_output(self.schedule, x, self.transformer(x, t, cond), t)


def with_guidance_scale(model: PretrainedModel, scale: float) -> PretrainedModel:
    """Return the model whose network is conditioned on another guidance scale; one that takes none as it is."""
    if not isinstance(model, TransformerDenoiser) or model.guidance_scale is None:
        return model
    model = copy(model)
    model.guidance_scale = scale
    return model


def builder(network: type[Transformer]) -> Builder:
    """Return what builds the denoiser of a pipeline's directory whose transformer is of this kind."""

    def build(
        component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
    ) -> TransformerDenoiser:
        return TransformerDenoiser(network(component("transformer"), checkpoint), component("vae"), text_encoder, schedule)

    return build


def qwen_image(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Build a QwenImagePipeline's, which guides in its own way."""
    net = QwenImageTransformer(component("transformer"), checkpoint)
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule, combine=partial(keep_token_norms, schedule))


def flux(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Build a FluxPipeline's; schnell's network takes no guidance scale."""
    net = FluxTransformer(component("transformer"), checkpoint)
    scale = checkpoint.defaults.guidance_scale if checkpoint.takes_guidance_scale else None
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule, scale)

"""Transformers in a VAE's latents: Stable Diffusion 3, FLUX.1, FLUX.2 klein, Z-Image, Qwen-Image, PixArt-Sigma and Sana.

Outside, x is a picture of latents (N, C, h, w), whatever the network makes of it: its tokens, their order and their places
are known in here alone. A network takes every x for a whole picture, with its first token in its upper left corner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import partial

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from synoptic.diffusion.equations import Pred, Schedule, Time, pred_from_output
from synoptic.models.base import Combine, Conditioning, PretrainedModel
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.compile import use_compile_cache
from synoptic.models.components import ComponentLoader
from synoptic.models.latent import LatentSpace
from synoptic.models.locks import lock_of
from synoptic.models.text import TextEncoder, embed_in_halves

FEATURE_MAPS = 22  # of a transformer's width and all tokens, which live together at most


class Transformer(ABC):
    """A diffusers transformer as a function (x, t, cond) -> raw output (N, C, h, w) in the dtype of x.

    Threads take turns in the network. Raises ValueError where x has sides that its tokens do not divide.
    """

    def __init__(self, net: ModelMixin, checkpoint: Checkpoint) -> None:
        self.net, self.device, self.dtype = net.eval().requires_grad_(False), net.device, net.dtype
        self.shape = (checkpoint.channels, checkpoint.side, checkpoint.side)
        self.token_side = checkpoint.downsampling
        tokens = (checkpoint.tokens or 0) + checkpoint.text_length
        self.row_bytes: int = FEATURE_MAPS * tokens * self.width * net.dtype.itemsize

    @property
    def width(self) -> int:
        """Channels of a token inside the network."""
        return self.net.config.num_attention_heads * self.net.config.attention_head_dim

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        """Call the network: x (N, C, h, w) and cond in its own dtype, t (N,) from T to 0 -> (N, C, h, w)."""

    def __call__(self, x: Tensor, t: Time, cond: Conditioning) -> Tensor:
        if any(side % self.token_side for side in x.shape[-2:]):
            raise ValueError(f"a transformer's x has sides that {self.token_side} divides, not {tuple(x.shape[-2:])}")
        t = t.to(x.device) if isinstance(t, Tensor) else torch.full((), t, device=x.device)
        cond = replace(cond, branch_rows=None).to(dtype=self.dtype)
        with lock_of(self.net):
            return self.forward(x.to(self.dtype), t.expand(len(x)), cond).to(x.dtype)

    def compile(self) -> None:
        """Compile what the network repeats, a minute at the first call of each size."""
        use_compile_cache()
        for name, blocks in self.net.named_children():
            if name.endswith("transformer_blocks") or name == "layers":
                for block in blocks.children():
                    block.compile(dynamic=False)


class Sd3Transformer(Transformer):
    """Stable Diffusion 3 and 3.5, which cut x into tokens themselves."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        return self.net(
            hidden_states=x,
            timestep=t,
            encoder_hidden_states=cond.text,
            pooled_projections=cond.text_embeds,
            block_controlnet_hidden_states=list(cond.control_residuals) or None,
            return_dict=False,
        )[0]


class FluxTransformer(Transformer):
    """FLUX.1, which is given squares of latents as tokens, and the row and column of each."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        h, w = (length // self.token_side for length in x.shape[-2:])
        out = self.net(
            hidden_states=packed(x, self.token_side),
            timestep=t / 1000,
            guidance=cond.guidance if self.net.config.guidance_embeds else None,
            encoder_hidden_states=cond.text,
            pooled_projections=cond.text_embeds,
            txt_ids=torch.zeros(cond.text.shape[1], 3, device=x.device),
            img_ids=places_of(x, self.token_side),
            controlnet_block_samples=list(cond.control_residuals) or None,
            controlnet_single_block_samples=list(cond.control_single_residuals) or None,
            return_dict=False,
        )[0]
        return unpacked(out, h, w, self.token_side)


class Flux2Transformer(Transformer):
    """FLUX.2 klein, whose tokens have four places: time, row, column, and the word's own in a prompt."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        h, w = (length // self.token_side for length in x.shape[-2:])
        one, words, rows, columns = (torch.arange(n, device=x.device) for n in (1, cond.text.shape[1], h, w))
        out = self.net(
            hidden_states=packed(x, self.token_side),
            timestep=t / 1000,
            encoder_hidden_states=cond.text,
            txt_ids=torch.cartesian_prod(one, one, one, words),
            img_ids=torch.cartesian_prod(one, rows, columns, one),
            return_dict=False,
        )[0]
        return unpacked(out, h, w, self.token_side)


class QwenImageTransformer(Transformer):
    """Qwen-Image (Alibaba 2025), which is given squares of latents as tokens, and of the words those that there are."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        h, w = (length // self.token_side for length in x.shape[-2:])
        longest = int(cond.text_mask.sum(1).max())
        out = self.net(
            hidden_states=packed(x, self.token_side),
            timestep=t / 1000,
            encoder_hidden_states=cond.text[:, :longest],
            encoder_hidden_states_mask=cond.text_mask[:, :longest].bool(),
            img_shapes=[[(1, h, w)]] * len(x),
            return_dict=False,
        )[0]
        return unpacked(out, h, w, self.token_side)


class SanaTransformer(Transformer):
    """Sana (Xie et al. 2025), whose network was trained on whole times."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        return self.net(
            x,
            timestep=t.to(torch.int64) * self.net.config.timestep_scale,
            encoder_hidden_states=cond.text,
            encoder_attention_mask=cond.text_mask,
            return_dict=False,
        )[0]


class ZImageTransformer(Transformer):
    """Z-Image (Alibaba 2025): time runs from 0 to 1, the velocity points to the picture, padding is cut from each prompt."""

    @property
    def width(self) -> int:
        return self.net.config.dim

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        words = [text[mask > 0] for text, mask in zip(cond.text, cond.text_mask, strict=True)]
        out = self.net(list(x.unsqueeze(2)), 1 - t / 1000, words, return_dict=False)[0]
        return -torch.stack(out).squeeze(2)


class PixArtTransformer(Transformer):
    """PixArt-Sigma: of the DDPM family, the second half of its channels a variance that is not used."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        out = self.net(
            x,
            timestep=t,
            encoder_hidden_states=cond.text,
            encoder_attention_mask=(cond.text_mask > 0).to(x),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            return_dict=False,
        )[0]
        return out[:, : x.shape[1]]


def packed(x: Tensor, side: int) -> Tensor:
    """Return x (N, C, h, w) as tokens (N, h/side * w/side, C * side²), each a square of it."""
    return pixel_unshuffle(x, side).flatten(2).mT


def unpacked(tokens: Tensor, h: int, w: int, side: int) -> Tensor:
    """Return h * w tokens as the picture that `packed` took apart."""
    return pixel_shuffle(tokens.mT.unflatten(2, (h, w)), side)


def places_of(x: Tensor, side: int) -> Tensor:
    """Return the places of x's tokens as FLUX.1 counts them (h/side * w/side, 3): 0, row, column."""
    places = [torch.arange(length // side, device=x.device, dtype=torch.float32) for length in x.shape[-2:]]
    rows, columns = torch.meshgrid(*places, indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], -1).view(-1, 3)


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
        return replace(cond, guidance=torch.full((len(prompts),), self.guidance_scale, device=self.device))

    def predict(self, x: Tensor, t: Time, cond: Conditioning) -> Pred:
        return pred_from_output(self.schedule, x, self.transformer(x, t, cond), t)


def with_guidance_scale(model: PretrainedModel, scale: float) -> PretrainedModel:
    """Return the model whose network is conditioned on another guidance scale; one that takes none as it is."""
    if not isinstance(model, TransformerDenoiser) or model.guidance_scale is None:
        return model
    model = copy(model)
    model.guidance_scale = scale
    return model


def stable_diffusion_3(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a StableDiffusion3Pipeline directory."""
    return TransformerDenoiser(
        Sd3Transformer(component("transformer"), checkpoint), component("vae"), text_encoder, schedule
    )


def qwen_image(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a QwenImagePipeline directory."""
    net = QwenImageTransformer(component("transformer"), checkpoint)
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule, combine=partial(keep_token_norms, schedule))


def sana(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a SanaPipeline directory."""
    return TransformerDenoiser(
        SanaTransformer(component("transformer"), checkpoint), component("vae"), text_encoder, schedule
    )


def flux2_klein(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a Flux2KleinPipeline directory, distilled or not."""
    net = Flux2Transformer(component("transformer"), checkpoint)
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule)


def z_image(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a ZImagePipeline directory."""
    net = ZImageTransformer(component("transformer"), checkpoint)
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule)


def pixart_sigma(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a PixArtSigmaPipeline directory."""
    net = PixArtTransformer(component("transformer"), checkpoint)
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule)


def flux(
    component: ComponentLoader, checkpoint: Checkpoint, schedule: Schedule, text_encoder: TextEncoder
) -> TransformerDenoiser:
    """Return a FluxPipeline directory; schnell's network takes no guidance scale."""
    net = FluxTransformer(component("transformer"), checkpoint)
    scale = checkpoint.defaults.guidance_scale if checkpoint.takes_guidance_scale else None
    return TransformerDenoiser(net, component("vae"), text_encoder, schedule, scale)

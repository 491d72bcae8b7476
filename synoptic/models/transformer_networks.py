"""diffusers' transformers as functions (x, t, cond) -> raw output: Stable Diffusion 3, FLUX.1, FLUX.2 klein and others.

Outside, x is a picture of latents (N, C, h, w), whatever the network makes of it: its tokens, their order and their places
are known in here alone. A network takes every x for a whole picture, with its first token in its upper left corner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from synoptic.diffusion.equations import Time
from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.compile import use_compile_cache
from synoptic.models.locks import lock_of

X = TypeVar("X", Tensor, list[Tensor])  # rows as one tensor or as a list, which a network gives back as it takes them
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

    def ask(self, cond: Conditioning, x: X, **kwargs: object) -> X:
        """Return what the network makes of x and the rest, in its own form; a `LoRAStudent` on it reads its part of cond."""
        return self.net(x, **kwargs, **cond.student_kwargs, return_dict=False)[0]

    def __call__(self, x: Tensor, t: Time, cond: Conditioning) -> Tensor:
        if any(side % self.token_side for side in x.shape[-2:]):
            raise ValueError(f"a transformer's x has sides that {self.token_side} divides, not {tuple(x.shape[-2:])}")
        t = t.to(x.device) if isinstance(t, Tensor) else torch.full((), t, dtype=torch.float32, device=x.device)
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
        return self.ask(
            cond,
            x,
            timestep=t,
            encoder_hidden_states=cond.text,
            pooled_projections=cond.text_embeds,
            block_controlnet_hidden_states=list(cond.control_residuals) or None,
        )


class FluxTransformer(Transformer):
    """FLUX.1, which is given squares of latents as tokens, and the row and column of each."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        h, w = (length // self.token_side for length in x.shape[-2:])
        out = self.ask(
            cond,
            packed(x, self.token_side),
            timestep=t / 1000,
            guidance=cond.guidance if self.net.config.guidance_embeds else None,
            encoder_hidden_states=cond.text,
            pooled_projections=cond.text_embeds,
            txt_ids=torch.zeros(cond.text.shape[1], 3, dtype=torch.float32, device=x.device),
            img_ids=places_of(x, self.token_side),
            controlnet_block_samples=list(cond.control_residuals) or None,
            controlnet_single_block_samples=list(cond.control_single_residuals) or None,
        )
        return unpacked(out, h, w, self.token_side)


class Flux2Transformer(Transformer):
    """FLUX.2 klein, whose tokens have four places: time, row, column, and the word's own in a prompt."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        h, w = (length // self.token_side for length in x.shape[-2:])
        one, words, rows, columns = (torch.arange(n, device=x.device) for n in (1, cond.text.shape[1], h, w))
        out = self.ask(
            cond,
            packed(x, self.token_side),
            timestep=t / 1000,
            encoder_hidden_states=cond.text,
            txt_ids=torch.cartesian_prod(one, one, one, words),
            img_ids=torch.cartesian_prod(one, rows, columns, one),
        )
        return unpacked(out, h, w, self.token_side)


class QwenImageTransformer(Transformer):
    """Qwen-Image (Alibaba 2025), which is given squares of latents as tokens, and of the words those that there are."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        h, w = (length // self.token_side for length in x.shape[-2:])
        longest = int(cond.text_mask.sum(1).max())
        out = self.ask(
            cond,
            packed(x, self.token_side),
            timestep=t / 1000,
            encoder_hidden_states=cond.text[:, :longest],
            encoder_hidden_states_mask=cond.text_mask[:, :longest].bool(),
            img_shapes=[[(1, h, w)]] * len(x),
        )
        return unpacked(out, h, w, self.token_side)


class SanaTransformer(Transformer):
    """Sana (Xie et al. 2025), whose network was trained on whole times."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        return self.ask(
            cond,
            x,
            timestep=t.to(torch.int64) * self.net.config.timestep_scale,
            encoder_hidden_states=cond.text,
            encoder_attention_mask=cond.text_mask,
        )


class ZImageTransformer(Transformer):
    """Z-Image (Alibaba 2025): time runs from 0 to 1, the velocity points to the picture, padding is cut from each prompt."""

    @property
    def width(self) -> int:
        return self.net.config.dim

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        words = [text[mask > 0] for text, mask in zip(cond.text, cond.text_mask, strict=True)]
        out = self.ask(cond, list(x.unsqueeze(2)), t=1 - t / 1000, cap_feats=words)
        return -torch.stack(out).squeeze(2)


class PixArtTransformer(Transformer):
    """PixArt-Sigma: of the DDPM family, the second half of its channels a variance that is not used."""

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        assert cond.text_mask is not None
        out = self.ask(
            cond,
            x,
            timestep=t,
            encoder_hidden_states=cond.text,
            encoder_attention_mask=(cond.text_mask > 0).to(x),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        )
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

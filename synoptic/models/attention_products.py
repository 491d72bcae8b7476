"""A VAE's attention as matrix products where gradients pass it on a GPU: the same to rounding.

It has one head of some 512 channels, for which PyTorch has no flash attention: the way back of its memory-efficient one
took a third of the encoder's time, there and back. Products keep the scores, of every place with every other.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import Tensor

from synoptic.models.memory import MAP_BYTES

FLASH_CHANNELS = 256  # of a head, at most, for flash attention


class ProductsAttnProcessor:
    """diffusers' attention, by its products or by PyTorch's kernel: each call has the one that suits it."""

    def __init__(self) -> None:
        self.products, self.kernel = AttnProcessor(), AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        alone = encoder_hidden_states is None and attention_mask is None
        processor = self.products if alone and suits_products(attn, hidden_states) else self.kernel
        return processor(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def suits_products(attn: Attention, x: Tensor) -> bool:
    """Return whether products are faster for a self-attention of x (N, C, h, w): wide heads, gradients on a GPU.

    Their scores take no more than one map of those that are counted while a VAE codes.
    """
    passes = torch.is_grad_enabled() and x.requires_grad
    if not passes or not x.is_cuda or x.dim() != 4 or attn.inner_dim <= FLASH_CHANNELS * attn.heads:
        return False
    rows, _, h, w = x.shape
    return rows * attn.heads * (h * w) ** 2 * x.element_size() <= MAP_BYTES


def use_attention_products(net: torch.nn.Module) -> None:
    """Give a network's plain attentions this processor, which decides at each call: threads may share the network."""
    plain: list[Any] = [part for part in net.modules() if isinstance(part, Attention) and is_plain(part)]
    for part in plain:
        part.set_processor(ProductsAttnProcessor())
        part.upcast_softmax = False  # a softmax in half precision computes in float32 inside


def is_plain(attn: Attention) -> bool:
    """Return whether both of diffusers' processors compute the same of it: `AttnProcessor` norms no queries or keys."""
    return type(attn.processor) is AttnProcessor2_0 and attn.norm_q is None and attn.norm_k is None

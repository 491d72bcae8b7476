"""The keys and values of cross-attention, computed once a run: they depend on the text alone, not on x or t."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.models.placement import is_streamed


class TextKVCache:
    """text (N, L, D) -> keys and values of every cross-attention of a diffusers net, side by side: (N, L, all of them).

    The net's attentions take them as `cross_attention_kwargs={"keys": …}`, one row a row of x, and compute their own where
    none are given. `len` is their number; 0 for nets whose attention adds its text to the picture's own (DeepFloyd IF), and
    for those whose layers are streamed in the order of a whole call.
    """

    def __init__(self, net: ModelMixin) -> None:
        self.net = net
        self.layers = [] if is_streamed(net) else cross_attentions(net)
        ends = torch.tensor([0, *(2 * text_layers(attn)[0].out_features for attn in self.layers)]).cumsum(0).tolist()
        places = dict(zip(self.layers, map(slice, ends, ends[1:]), strict=False))
        every: list[Any] = [part for part in net.modules() if isinstance(part, Attention)]
        for attn in every if self.layers else ():
            attn.set_processor(CachedKVProcessor(places.get(attn)))

    def __len__(self) -> int:
        return len(self.layers)

    def __call__(self, text: Tensor) -> Tensor:
        text = self.net.process_encoder_hidden_states(text, {})
        return torch.cat([layer(text) for attn in self.layers for layer in text_layers(attn)], -1)


def cross_attentions(net: torch.nn.Module) -> list[Attention]:
    """Return the attentions of a net whose keys and values are the text's alone; none where one adds it to the picture's."""
    every = [part for part in net.modules() if isinstance(part, Attention)]
    if not all(isinstance(attn.processor, AttnProcessor2_0) for attn in every):
        return []
    return [attn for attn in every if attn.is_cross_attention and not attn.norm_cross]


def text_layers(attn: Attention) -> tuple[torch.nn.Linear, torch.nn.Linear]:
    """Return the layers that make an attention's keys and values."""
    assert isinstance(attn.to_k, torch.nn.Linear) and isinstance(attn.to_v, torch.nn.Linear)
    return attn.to_k, attn.to_v


class CachedKVProcessor:
    """diffusers' attention, which finds its keys and values at `columns` in `keys`, if they were given."""

    def __init__(self, columns: slice | None) -> None:
        self.columns, self.default = columns, AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        keys: Tensor | None = None,
    ) -> Tensor:
        if keys is None or self.columns is None:
            return self.default(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        assert attn.to_out is not None
        every = attn.to_q(hidden_states), *keys[..., self.columns].chunk(2, -1)
        q, k, v = (u.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for u in every)
        out = F.scaled_dot_product_attention(q, k, v)
        return attn.to_out[0](out.transpose(1, 2).flatten(2))

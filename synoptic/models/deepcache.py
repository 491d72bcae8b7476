"""DeepCache: a U-Net's deep features change little from step to step, so that some steps reuse them (Ma et al. 2023)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict, Unpack

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.diffusion.equations import Time

RowId = tuple[int, int]


class UNetArguments(TypedDict):
    """What a diffusers U-Net takes beside x, t and the text."""

    timestep_cond: Tensor | None
    class_labels: Tensor | None
    added_cond_kwargs: dict[str, Tensor] | None
    cross_attention_kwargs: dict[str, Tensor] | None
    down_block_additional_residuals: list[Tensor] | None
    mid_block_additional_residual: Tensor | None
    down_intrablock_additional_residuals: list[Tensor] | None


class DeepCache:
    """A diffusers U-Net that runs whole at `full_times`, and at others only its outermost level, around what lay below.

    Ma et al. 2023 with the cut below the whole outermost blocks: the last up block is given the F_cache that was kept. Rows
    are known by their place, branch and x, so that they may come in calls of any size; what nothing was kept of runs whole.
    """

    def __init__(self, net: ModelMixin, full_times: Collection[Time]) -> None:
        self.net, self.full_times = net, full_times
        self.time: Time | None = None
        self.row_ids: list[RowId] = []
        self.cache: dict[RowId, tuple[Tensor, int]] = {}

    def set_rows(self, t: Time, row_ids: Tensor) -> DeepCache:
        """Set what is asked next: at time t, one number for all rows, about the rows at these places (N, 2)."""
        if t != self.time:
            self.time, self.cache = t, {} if t in self.full_times else self.cache
        self.row_ids = [(branch, x) for branch, x in row_ids.tolist()]
        return self

    def __call__(
        self, x: Tensor, t: Tensor, text: Tensor, return_dict: bool = False, **kwargs: Unpack[UNetArguments]
    ) -> tuple[Tensor]:
        """Return as the network itself."""
        if all(place in self.cache for place in self.row_ids):
            return (
                shallow_forward(self.net, x, t, text, gather_rows([self.cache[place] for place in self.row_ids]), **kwargs),
            )
        below, out = full_forward(self.net, x, t, text, **kwargs)
        self.cache |= {place: (below, k) for k, place in enumerate(self.row_ids)}
        return (out,)


def full_forward(
    net: ModelMixin, x: Tensor, t: Tensor, text: Tensor, **kwargs: Unpack[UNetArguments]
) -> tuple[Tensor, Tensor]:
    """Return what comes to the last block from below, and what the network says."""
    found: list[Tensor] = []
    hook = net.up_blocks[-1].register_forward_pre_hook(
        lambda _, args, kwargs: found.append(kwargs["hidden_states"]), with_kwargs=True
    )
    try:
        (out,) = net(x, t, text, **kwargs, return_dict=False)
    finally:
        hook.remove()
    return found[0], out


def shallow_forward(
    net: ModelMixin, x: Tensor, t: Tensor, text: Tensor, below: Tensor, **kwargs: Unpack[UNetArguments]
) -> Tensor:
    """Run UNet2DConditionModel.forward of its first and last block alone, around `below`."""
    first, last = net.down_blocks[0], net.up_blocks[-1]
    added, residuals = kwargs["added_cond_kwargs"] or {}, kwargs["down_block_additional_residuals"]
    emb = net.time_embedding(net.get_time_embed(sample=x, timestep=t))
    more = net.get_aug_embed(emb=emb, encoder_hidden_states=text, added_cond_kwargs=added)
    emb = emb if more is None else emb + more
    text = net.process_encoder_hidden_states(encoder_hidden_states=text, added_cond_kwargs=added)
    attention = {"encoder_hidden_states": text, "cross_attention_kwargs": kwargs["cross_attention_kwargs"]}
    inside = net.conv_in(x)
    _, skips = first(hidden_states=inside, temb=emb, **(attention if has_cross_attention(first) else {}))
    skips = (inside, *skips)[: len(last.resnets)]
    if residuals:
        skips = tuple(skip + more for skip, more in zip(skips, residuals, strict=False))
    out = last(
        hidden_states=below, temb=emb, res_hidden_states_tuple=skips, **(attention if has_cross_attention(last) else {})
    )
    return net.conv_out(net.conv_act(net.conv_norm_out(out)))


def has_cross_attention(block: object) -> bool:
    """Return whether it attends to the text."""
    return getattr(block, "has_cross_attention", False)


def gather_rows(found: list[tuple[Tensor, int]]) -> Tensor:
    """Stack row k of each (tensor, k); return a whole tensor as it is."""
    one, order = found[0][0], [k for _, k in found]
    if all(part is one for part, _ in found):
        return one if order == list(range(len(one))) else one[order]
    return torch.stack([part[k] for part, k in found])

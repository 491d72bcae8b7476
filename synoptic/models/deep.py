"""DeepCache: a U-Net's deep features change little from step to step, so that some steps reuse them (Ma et al. 2023)."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion import Time


class Deep:
    """A diffusers U-Net that runs whole at `times`, and at others only its outermost level, with what lay below it then.

    Ma et al. 2023 with the cut below the whole outermost blocks: the last up block is given the F_cache that was kept. Rows
    are known by their place among those of one time, in the order of the calls: at every time there must be the same, or the
    first so many of them, in calls of any size. Rows that nothing was kept of run whole.
    """

    def __init__(self, net: Any, times: Collection[Time]) -> None:
        self.net, self.times = net, times
        self.now: Time | None = None
        self.row, self.kept = 0, list[Tensor]()

    def at(self, t: Time) -> Deep:
        """To be asked about rows at time t, one number for all of them."""
        if t != self.now:
            self.now, self.row = t, 0
            self.kept = [] if t in self.times else self.kept
        return self

    def __call__(self, x: Tensor, t: Tensor, text: Tensor, return_dict: bool = False, **how: Any) -> tuple[Tensor]:
        """As the network itself."""
        end = self.row + len(x)
        if sum(map(len, self.kept)) < end:
            below, out = whole(self.net, x, t, text, **how)
            self.kept.append(below)
        else:
            out = outermost(self.net, x, t, text, rows(self.kept, self.row, end), **how)
        self.row = end
        return (out,)


def whole(net: Any, x: Tensor, t: Tensor, text: Tensor, **how: Any) -> tuple[Tensor, Tensor]:
    """What comes to the last block from below, and what the network says."""
    found: list[Tensor] = []
    hook = net.up_blocks[-1].register_forward_pre_hook(
        lambda _, args, told: found.append(told["hidden_states"]), with_kwargs=True
    )
    try:
        (out,) = net(x, t, text, **how, return_dict=False)
    finally:
        hook.remove()
    return found[0], out


def outermost(net: Any, x: Tensor, t: Tensor, text: Tensor, below: Tensor, **how: Any) -> Tensor:
    """UNet2DConditionModel.forward of its first and last block alone, around `below`."""
    first, last = net.down_blocks[0], net.up_blocks[-1]
    added, residuals = how["added_cond_kwargs"] or {}, how["down_block_additional_residuals"]
    emb = net.time_embedding(net.get_time_embed(sample=x, timestep=t))
    more = net.get_aug_embed(emb=emb, encoder_hidden_states=text, added_cond_kwargs=added)
    emb = emb if more is None else emb + more
    text = net.process_encoder_hidden_states(encoder_hidden_states=text, added_cond_kwargs=added)
    told = {"encoder_hidden_states": text, "cross_attention_kwargs": how["cross_attention_kwargs"]}
    inside = net.conv_in(x)
    _, skips = first(hidden_states=inside, temb=emb, **(told if crosses(first) else {}))
    skips = (inside, *skips)[: len(last.resnets)]
    if residuals:
        skips = tuple(skip + more for skip, more in zip(skips, residuals, strict=False))
    out = last(hidden_states=below, temb=emb, res_hidden_states_tuple=skips, **(told if crosses(last) else {}))
    return net.conv_out(net.conv_act(net.conv_norm_out(out)))


def crosses(block: Any) -> bool:
    """Whether it attends to the text."""
    return getattr(block, "has_cross_attention", False)


def rows(parts: list[Tensor], begin: int, end: int) -> Tensor:
    """Rows begin … end of parts that follow one another."""
    found, start = [], 0
    for part in parts:
        some = part[max(0, begin - start) : max(0, end - start)]
        found += [some] if len(some) else []
        start += len(part)
    return found[0] if len(found) == 1 else torch.cat(found)


def reusing(model: Any, times: Collection[Time]) -> Any:
    """A Denoiser on a U-Net -> the same, which runs its network whole at `times` only."""
    model, unet = copy(model), copy(model.unet)
    model.unet, unet.deep = unet, Deep(unet.net, times)
    return model

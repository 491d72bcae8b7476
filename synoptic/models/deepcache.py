"""DeepCache: a U-Net's deep features change little from step to step, so that some steps reuse them (Ma et al. 2023)."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Time

Place = tuple[int, int]


class Deep:
    """A diffusers U-Net that runs whole at `times`, and at others only its outermost level, with what lay below it then.

    Ma et al. 2023 with the cut below the whole outermost blocks: the last up block is given the F_cache that was kept. Rows
    are known by their place, branch and x, so that they may come in calls of any size; what nothing was kept of runs whole.
    """

    def __init__(self, net: Any, times: Collection[Time]) -> None:
        self.net, self.times = net, times
        self.now: Time | None = None
        self.place: list[Place] = []
        self.kept: dict[Place, tuple[Tensor, int]] = {}

    def at(self, t: Time, place: Tensor) -> Deep:
        """To be asked at time t, one number for all rows, about the rows at these places (N, 2)."""
        if t != self.now:
            self.now, self.kept = t, {} if t in self.times else self.kept
        self.place = [(branch, x) for branch, x in place.tolist()]
        return self

    def __call__(self, x: Tensor, t: Tensor, text: Tensor, return_dict: bool = False, **how: Any) -> tuple[Tensor]:
        """As the network itself."""
        if all(place in self.kept for place in self.place):
            return (outermost(self.net, x, t, text, rows([self.kept[place] for place in self.place]), **how),)
        below, out = whole(self.net, x, t, text, **how)
        self.kept |= {place: (below, k) for k, place in enumerate(self.place)}
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


def rows(found: list[tuple[Tensor, int]]) -> Tensor:
    """Row k of each (tensor, k), stacked; a whole tensor as it is."""
    one, order = found[0][0], [k for _, k in found]
    if all(part is one for part, _ in found):
        return one if order == list(range(len(one))) else one[order]
    return torch.stack([part[k] for part, k in found])


def reusing(model: Any, times: Collection[Time]) -> Any:
    """A Denoiser on a U-Net -> the same, which runs its network whole at `times` only."""
    model, unet = copy(model), copy(model.unet)
    model.unet, unet.deep = unet, Deep(unet.net, times)
    return model

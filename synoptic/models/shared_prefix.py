"""Branches of guidance are one x under several prompts: what a U-Net computes before it meets the text, it computes once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from synoptic.models.compile import map_tensors
from synoptic.models.deepcache import has_cross_attention


class SharedPrefix:
    """Computes a diffusers U-Net's layers before the text for the first of its branches only, within `for_branches`.

    The others, which are to hold the same x and times, get copies. Exact, and a twentieth of the bundled `sd`'s time.
    """

    def __init__(self, net: ModelMixin) -> None:
        self.num_branches = 1
        for layer in layers_before_text(net):
            layer.register_forward_pre_hook(self._keep_first, with_kwargs=True)
            layer.register_forward_hook(self._repeat)

    @contextmanager
    def for_branches(self, num_branches: int) -> Iterator[None]:
        """Share rows in the calls in here; those of all others have nothing to do with one another."""
        self.num_branches = num_branches
        try:
            yield
        finally:
            self.num_branches = 1

    def _keep_first(self, _: object, args: tuple, kwargs: dict) -> tuple | None:
        return (
            (first_branch(args, self.num_branches), first_branch(kwargs, self.num_branches))
            if self.num_branches > 1
            else None
        )

    def _repeat(self, _: object, args: tuple, out: Tensor | tuple) -> Tensor | tuple | None:
        return repeat_branches(out, self.num_branches) if self.num_branches > 1 else None


def layers_before_text(net: ModelMixin) -> Iterator[torch.nn.Module]:
    """Yield the layers that the text does not reach, in the order of their calls; none where the time's embedding has it."""
    if net.config.addition_embed_type or net.config.only_cross_attention:
        return
    yield net.conv_in
    for block in net.down_blocks:
        if has_cross_attention(block):
            yield block.resnets[0]
            attention = block.attentions[0]
            if hasattr(attention, "transformer_blocks"):
                own = attention.transformer_blocks[0]
                yield from (attention.norm, attention.proj_in, own.norm1, own.attn1)
            return
        yield block


def first_branch(value: Any, num_branches: int) -> Any:
    """Return the first of so many parts of the rows of every tensor in there."""
    return map_tensors(lambda rows: rows[: len(rows) // num_branches], value)


def repeat_branches(value: Tensor | tuple, num_branches: int) -> Tensor | tuple:
    """Return the rows of every tensor so many times, one after another, in their memory layout."""
    return (
        torch.cat([value] * num_branches)
        if isinstance(value, Tensor)
        else tuple(repeat_branches(part, num_branches) for part in value)
    )

"""Branches of guidance are one x under several prompts: what a U-Net computes before it meets the text, it computes once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from synoptic.models.deepcache import crosses


class Once:
    """Makes a diffusers U-Net, `among` so many equal parts of its rows, compute its layers before the text for one only.

    The others, which are to hold the same x and times, get copies. Exact, and a twentieth of the bundled `sd`'s time.
    """

    def __init__(self, net: Any) -> None:
        self.parts = 1
        for layer in before_text(net):
            layer.register_forward_pre_hook(self._first, with_kwargs=True)
            layer.register_forward_hook(self._all)

    @contextmanager
    def among(self, parts: int) -> Iterator[None]:
        """For calls in here; all others are of rows that have nothing to do with one another."""
        self.parts = parts
        try:
            yield
        finally:
            self.parts = 1

    def _first(self, _: Any, args: Any, more: Any) -> Any:
        return (first(args, self.parts), first(more, self.parts)) if self.parts > 1 else None

    def _all(self, _: Any, args: Any, out: Any) -> Any:
        return repeated(out, self.parts) if self.parts > 1 else None


def before_text(net: Any) -> Iterator[Any]:
    """The layers that the text does not reach, in the order of their calls; none where the time's embedding has it."""
    if net.config.addition_embed_type or net.config.only_cross_attention:
        return
    yield net.conv_in
    for block in net.down_blocks:
        if crosses(block):
            yield block.resnets[0]
            attention = block.attentions[0]
            if hasattr(attention, "transformer_blocks"):
                own = attention.transformer_blocks[0]
                yield from (attention.norm, attention.proj_in, own.norm1, own.attn1)
            return
        yield block


def first(value: Any, parts: int) -> Any:
    """The first of so many parts of the rows of every tensor in there."""
    match value:
        case Tensor():
            return value[: len(value) // parts]
        case dict():
            return {key: first(part, parts) for key, part in value.items()}
        case tuple():
            return tuple(first(part, parts) for part in value)
    return value


def repeated(value: Any, parts: int) -> Any:
    """The rows of every tensor so many times, one after another, in their memory layout."""
    return torch.cat([value] * parts) if isinstance(value, Tensor) else tuple(repeated(part, parts) for part in value)

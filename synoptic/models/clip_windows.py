"""Prompts as CLIP's text encoder reads them: windows of 75 tokens between a start and an end, each token with a weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from diffusers.loaders.textual_inversion import TextualInversionLoaderMixin
from torch import Tensor

from synoptic.models.emphasis import fragments
from synoptic.models.locks import lock_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

SPECIAL_TOKENS = 2  # start and end


class Windows(NamedTuple):
    """Token numbers, mask (1 but for padding) and weights of B prompts, each (B, windows, length)."""

    ids: Tensor
    mask: Tensor
    weights: Tensor


def weighted_tokens(tokenizer: Any, prompt: str) -> list[tuple[int, float]]:
    """Return every token of a prompt with its weight; the word of a textual inversion is as many as it has vectors."""
    words = TextualInversionLoaderMixin()
    with lock_of(tokenizer):
        return [
            (token, weight)
            for text, weight in fragments(prompt)
            for token in tokenizer(
                words.maybe_convert_prompt(text, tokenizer), add_special_tokens=False, verbose=False
            ).input_ids
        ]


def count_windows(tokenizer: Tokenizer, prompts: Sequence[str]) -> int:
    """Return how many windows the longest of some prompts fills, at least 1."""
    room = tokenizer.model_max_length - SPECIAL_TOKENS
    return max(1, *(-(-len(weighted_tokens(tokenizer, prompt)) // room) for prompt in prompts))


def tokenize_windows(tokenizer: Tokenizer, prompts: Sequence[str], windows: int) -> Windows:
    """Return prompts cut every 75 tokens; what does not fit is left out, what is empty is padded."""
    length = tokenizer.model_max_length
    room = length - SPECIAL_TOKENS
    start, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    assert isinstance(pad, int)
    ids = torch.full((len(prompts), windows, length), pad)
    mask, weights = torch.zeros_like(ids), torch.ones(ids.shape, dtype=torch.float32)
    for row, prompt in enumerate(prompts):
        tokens = weighted_tokens(tokenizer, prompt)
        for window in range(windows):
            part = tokens[window * room : (window + 1) * room]
            filled = len(part) + SPECIAL_TOKENS
            ids[row, window, :filled] = torch.tensor([start, *(token for token, _ in part), end])
            mask[row, window, :filled] = 1
            weights[row, window, 1 : filled - 1] = torch.tensor([weight for _, weight in part], dtype=torch.float32)
    return Windows(ids, mask, weights)


def emphasize(states: Tensor, weights: Tensor) -> Tensor:
    """Return hidden states (B, windows, length, D) by their tokens' weights, each window's mean as it was before.

    As AUTOMATIC1111's interface does; windows without emphasis are the same bitwise.
    """
    weighted = states * weights[..., None]
    weighted = weighted * (states.mean((-2, -1), keepdim=True) / weighted.mean((-2, -1), keepdim=True))
    return torch.where((weights != 1).any(-1)[..., None, None], weighted, states)

"""Prompts to conditions: one small function a text tower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from synoptic.models.base import Cond
from synoptic.models.registry import Source

Text = Callable[[Sequence[str]], Cond]  # prompts -> their condition, one row each


def tokens(tokenizer: Any, prompts: Sequence[str], length: int) -> Any:
    return tokenizer(list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")


class ClipText:
    """Stable Diffusion 1.x and 2.x: the last hidden states (B, L, D) of one CLIP text tower."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    def __call__(self, prompts: Sequence[str]) -> Cond:
        q = tokens(self.tokenizer, prompts, self.tokenizer.model_max_length).to(self.encoder.device)
        mask = q.attention_mask if getattr(self.encoder.config, "use_attention_mask", False) else None
        return {"text": self.encoder(q.input_ids, attention_mask=mask)[0]}


class DoubleClipText:
    """SDXL (Podell et al. 2023): two towers' penultimate states side by side, the second's pooled text, and the sizes.

    With `zero_empty`, as the released models have it, an empty prompt is all zeros.
    """

    def __init__(self, towers: Sequence[tuple[Any, Any]], pixels: int, zero_empty: bool) -> None:
        self.towers = [(tokenizer, encoder.eval().requires_grad_(False)) for tokenizer, encoder in towers]
        self.pixels, self.zero_empty = pixels, zero_empty

    def __call__(self, prompts: Sequence[str]) -> Cond:
        states: list[Tensor] = []
        pooled = torch.empty(0)
        for tokenizer, encoder in self.towers:
            q = tokens(tokenizer, prompts, tokenizer.model_max_length).to(encoder.device)
            out = encoder(q.input_ids, output_hidden_states=True)
            states.append(out.hidden_states[-2])
            pooled = out[0]
        keep = torch.tensor([float(bool(p) or not self.zero_empty) for p in prompts]).to(pooled)
        # original size, crop corner, target size: a whole picture of the native size
        time_ids = torch.tensor([[self.pixels, self.pixels, 0, 0, self.pixels, self.pixels]] * len(prompts)).to(pooled)
        return {
            "text": torch.cat(states, -1) * keep[:, None, None],
            "text_embeds": pooled * keep[:, None],
            "time_ids": time_ids,
        }


class T5Text:
    """DeepFloyd IF: the hidden states (B, 77, D) of a T5 encoder, of lower-case prompts."""

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    def __call__(self, prompts: Sequence[str]) -> Cond:
        q = tokens(self.tokenizer, [p.lower().strip() for p in prompts], 77).to(self.encoder.device)
        return {"text": self.encoder(q.input_ids, attention_mask=q.attention_mask)[0]}


def clip(part: Callable[[str], Any], source: Source) -> Text:
    """The tower of Stable Diffusion 1.x, 2.x and x4; `part(name)` loads the component of that name."""
    return ClipText(part("tokenizer"), part("text_encoder"))


def double_clip(part: Callable[[str], Any], source: Source) -> Text:
    towers = [(part("tokenizer"), part("text_encoder")), (part("tokenizer_2"), part("text_encoder_2"))]
    return DoubleClipText(towers, source.native, source.index.get("force_zeros_for_empty_prompt", True))


def t5(part: Callable[[str], Any], source: Source) -> Text:
    return T5Text(part("tokenizer"), part("text_encoder"))

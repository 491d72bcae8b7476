"""Prompts to conditions: one small function a text tower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.components import ComponentLoader
from synoptic.models.locks import lock_of

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

TextEncoder = Callable[[Sequence[str]], Conditioning]  # prompts -> their conditioning, one row each


def tokenize(tokenizer: Tokenizer, prompts: Sequence[str], length: int) -> BatchEncoding:
    """Return the prompts' token ids (B, length) and their mask."""
    with lock_of(tokenizer):  # its length and padding are set for each call
        return tokenizer(list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")


class ClipTextEncoder:
    """Stable Diffusion 1.x and 2.x: the last hidden states (B, L, D) of one CLIP text tower."""

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        q = tokenize(self.tokenizer, prompts, self.tokenizer.model_max_length).to(self.encoder.device)
        mask = q.attention_mask if getattr(self.encoder.config, "use_attention_mask", False) else None
        return Conditioning(text=self.encoder(q.input_ids, attention_mask=mask)[0])


class DoubleClipTextEncoder:
    """SDXL (Podell et al. 2023): two towers' penultimate states side by side, the second's pooled text, and the sizes.

    With `zero_empty`, as the released models have it, an empty prompt is all zeros.
    """

    def __init__(self, encoders: Sequence[tuple[Tokenizer, PreTrainedModel]], native_size: int, zero_empty: bool) -> None:
        self.encoders = [(tokenizer, encoder.eval().requires_grad_(False)) for tokenizer, encoder in encoders]
        self.native_size, self.zero_empty = native_size, zero_empty

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        states: list[Tensor] = []
        pooled = torch.empty(0)
        for tokenizer, encoder in self.encoders:
            q = tokenize(tokenizer, prompts, tokenizer.model_max_length).to(encoder.device)
            out = encoder(q.input_ids, output_hidden_states=True)
            states.append(out.hidden_states[-2])
            pooled = out[0]
        keep = torch.tensor([float(bool(p) or not self.zero_empty) for p in prompts]).to(pooled)
        # original size, crop corner, target size: a whole picture of the native size
        time_ids = torch.tensor(
            [[self.native_size, self.native_size, 0, 0, self.native_size, self.native_size]] * len(prompts)
        ).to(pooled)
        text = torch.cat(states, -1) * keep[:, None, None]
        return Conditioning(text=text, text_embeds=pooled * keep[:, None], time_ids=time_ids)


class T5TextEncoder:
    """DeepFloyd IF: the hidden states (B, 77, D) of a T5 encoder, of lower-case prompts."""

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        q = tokenize(self.tokenizer, [p.lower().strip() for p in prompts], 77).to(self.encoder.device)
        return Conditioning(text=self.encoder(q.input_ids, attention_mask=q.attention_mask)[0])


def clip_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    """The tower of Stable Diffusion 1.x, 2.x and x4; `part(name)` loads the component of that name."""
    return ClipTextEncoder(*_tower(component, ""))


def double_clip_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    encoders = [_tower(component, ""), _tower(component, "_2")]
    return DoubleClipTextEncoder(
        encoders, checkpoint.native_size, checkpoint.model_index.get("force_zeros_for_empty_prompt", True)
    )


def t5_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return T5TextEncoder(component("tokenizer"), component("text_encoder"))


def _tower(component: ComponentLoader, suffix: str) -> tuple[Tokenizer, PreTrainedModel]:
    """A tokenizer and its encoder; the tokenizer's window is the encoder's where its config gives none."""
    tokenizer, encoder = component(f"tokenizer{suffix}"), component(f"text_encoder{suffix}")
    tokenizer.model_max_length = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    return tokenizer, encoder

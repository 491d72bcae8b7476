"""Prompts to conditions for transformers: CLIP's pooled text beside T5's words, or a language model's states.

T5 without a mask attends to its padding, as SD 3 and FLUX.1 were trained to: the length is part of the condition. An empty
prompt is embedded like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.components import ComponentLoader
from synoptic.models.text import TextEncoder, tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer


class T5Words:
    """The hidden states (B, length, D) of a T5 encoder, of padded prompts without a mask."""

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel, length: int) -> None:
        self.tokenizer, self.encoder, self.length = tokenizer, encoder.eval().requires_grad_(False), length

    def __call__(self, prompts: Sequence[str]) -> Tensor:
        return self.encoder(tokenize(self.tokenizer, prompts, self.length).input_ids.to(self.encoder.device))[0]


class ClipText:
    """A CLIP text tower of its own window: its penultimate states (B, L, D), and its pooled text (B, E)."""

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)
        self.length = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)

    def __call__(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids = tokenize(self.tokenizer, prompts, self.length).input_ids.to(self.encoder.device)
        out = self.encoder(ids, output_hidden_states=True)
        projected = getattr(out, "text_embeds", None)
        return out.hidden_states[-2], out.pooler_output if projected is None else projected


class Sd3TextEncoder:
    """Stable Diffusion 3 (Esser et al. 2024): two CLIPs side by side, padded to T5's width, then T5's words.

    The pooled texts of both CLIPs are one behind the other.
    """

    def __init__(self, clips: Sequence[ClipText], words: T5Words) -> None:
        self.clips, self.words = clips, words

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        states, pooled = zip(*(clip(prompts) for clip in self.clips), strict=True)
        words, side_by_side = self.words(prompts), torch.cat(states, -1)
        side_by_side = pad(side_by_side, (0, words.shape[-1] - side_by_side.shape[-1]))
        return Conditioning(text=torch.cat([side_by_side, words], 1), text_embeds=torch.cat(pooled, -1))


class FluxTextEncoder:
    """FLUX.1: T5's words, and the pooled text of a CLIP."""

    def __init__(self, clip: ClipText, words: T5Words) -> None:
        self.clip, self.words = clip, words

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        return Conditioning(text=self.words(prompts), text_embeds=self.clip(prompts)[1])


class QwenTextEncoder:
    """Z-Image: a prompt as a user's message to Qwen3, its last but one hidden states (B, length, D) and their mask."""

    template = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel, length: int) -> None:
        self.tokenizer, self.encoder, self.length = tokenizer, encoder.eval().requires_grad_(False), length

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        q = tokenize(self.tokenizer, [self.template.format(p) for p in prompts], self.length).to(self.encoder.device)
        mask = q.attention_mask
        states = self.encoder(q.input_ids, attention_mask=mask.bool(), output_hidden_states=True).hidden_states[-2]
        return Conditioning(text=states * mask[..., None], text_mask=mask.to(states))


class PixArtTextEncoder:
    """PixArt-Sigma: T5's words (B, length, D) of lower-case prompts, and their mask."""

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel, length: int) -> None:
        self.tokenizer, self.encoder, self.length = tokenizer, encoder.eval().requires_grad_(False), length

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        q = tokenize(self.tokenizer, [p.lower().strip() for p in prompts], self.length).to(self.encoder.device)
        states, mask = self.encoder(q.input_ids, attention_mask=q.attention_mask)[0], q.attention_mask
        return Conditioning(text=states * mask[..., None], text_mask=mask.to(states))


def pixart_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return PixArtTextEncoder(component("tokenizer"), component("text_encoder"), checkpoint.text_length)


def z_image_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return QwenTextEncoder(component("tokenizer"), component("text_encoder"), checkpoint.text_length)


def sd3_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    clips = [ClipText(component(f"tokenizer{n}"), component(f"text_encoder{n}")) for n in ("", "_2")]
    return Sd3TextEncoder(clips, T5Words(component("tokenizer_3"), component("text_encoder_3"), checkpoint.text_length))


def flux_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    words = T5Words(component("tokenizer_2"), component("text_encoder_2"), checkpoint.text_length)
    return FluxTextEncoder(ClipText(component("tokenizer"), component("text_encoder")), words)

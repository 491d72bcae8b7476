"""Prompts to conditions by language models: Qwen2.5-VL (Qwen-Image), Gemma 2 (Sana), Qwen3 (FLUX.2 klein)."""

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


class QwenImageTextEncoder:
    """Qwen-Image: the last hidden states (B, length, D) of a prompt in a template, without the template's beginning."""

    template = (
        "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial"
        " relationships of the objects and background:<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    )
    template_tokens = 34  # of its beginning

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel, length: int) -> None:
        self.tokenizer, self.encoder, self.length = tokenizer, encoder.eval().requires_grad_(False), length

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        texts, whole = [self.template.format(p) for p in prompts], self.length + self.template_tokens
        q = tokenize(self.tokenizer, texts, whole).to(self.encoder.device)
        states = self.encoder(q.input_ids, attention_mask=q.attention_mask, output_hidden_states=True).hidden_states[-1]
        words = [row[mask > 0][self.template_tokens :] for row, mask in zip(states, q.attention_mask, strict=True)]
        masks = [torch.ones(len(row), dtype=torch.float32, device=row.device) for row in words]
        text = torch.stack([pad(row, (0, 0, 0, self.length - len(row))) for row in words])
        return Conditioning(text=text, text_mask=torch.stack([pad(mask, (0, self.length - len(mask))) for mask in masks]))


class SanaTextEncoder:
    """Sana: the last hidden states (B, length, D) of Gemma 2 and their mask, of the first token and the last length - 1.

    A prompt follows an instruction to describe it at length, which the network was trained with; an empty one does not.
    """

    instruction = (
        "Given a user prompt, generate an 'Enhanced prompt' that provides detailed visual descriptions suitable for image"
        " generation. Evaluate the level of detail in the user prompt:\n- If the prompt is simple, focus on adding specifics"
        " about colors, shapes, sizes, textures, and spatial relationships to create vivid and concrete scenes.\n- If the"
        " prompt is already detailed, refine and enhance the existing details slightly without overcomplicating.\nHere are"
        " examples of how to transform or refine prompts:\n- User Prompt: A cat sleeping -> Enhanced: A small, fluffy white"
        " cat curled up in a round shape, sleeping peacefully on a warm sunny windowsill, surrounded by pots of blooming red"
        " flowers.\n- User Prompt: A busy city street -> Enhanced: A bustling city street scene at dusk, featuring glowing"
        " street lamps, a diverse crowd of people in colorful clothing, and a double-decker bus passing by towering glass"
        " skyscrapers.\nPlease generate only the enhanced description for the prompt below and avoid including any"
        " additional commentary or evaluations:\nUser Prompt: "
    )

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel, length: int) -> None:
        self.tokenizer, self.encoder, self.length = tokenizer, encoder.eval().requires_grad_(False), length
        self.tokenizer.padding_side = "right"

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        rows = [self._read(prompt.lower().strip()) for prompt in prompts]
        return Conditioning(text=torch.cat([text for text, _ in rows]), text_mask=torch.cat([mask for _, mask in rows]))

    def _read(self, prompt: str) -> tuple[Tensor, Tensor]:
        before = self.instruction if prompt else ""
        whole = self.length + (len(self.tokenizer.encode(before)) - 2 if before else 0)
        q = tokenize(self.tokenizer, [before + prompt], whole).to(self.encoder.device)
        states = self.encoder(q.input_ids, attention_mask=q.attention_mask)[0]
        kept = [0, *range(1 - self.length, 0)]
        return states[:, kept], q.attention_mask[:, kept].to(states)


class KleinTextEncoder:
    """FLUX.2 klein: three layers of Qwen3 side by side (B, length, 3 D), a quarter, half and three quarters of the way up.

    Padding is attended to, as it was in training.
    """

    template = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel, length: int) -> None:
        self.tokenizer, self.encoder, self.length = tokenizer, encoder.eval().requires_grad_(False), length
        layers: int = encoder.config.num_hidden_layers
        self.layers = [layers * quarter // 4 for quarter in (1, 2, 3)]

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        q = tokenize(self.tokenizer, [self.template.format(p) for p in prompts], self.length).to(self.encoder.device)
        out = self.encoder.model(q.input_ids, attention_mask=q.attention_mask, output_hidden_states=True, use_cache=False)
        return Conditioning(text=torch.cat([out.hidden_states[layer] for layer in self.layers], -1))


def qwen_image_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return QwenImageTextEncoder(component("tokenizer"), component("text_encoder"), checkpoint.text_length)


def sana_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return SanaTextEncoder(component("tokenizer"), component("text_encoder"), checkpoint.text_length)


def flux2_klein_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return KleinTextEncoder(component("tokenizer"), component("text_encoder"), checkpoint.text_length)

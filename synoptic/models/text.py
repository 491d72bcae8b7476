"""Prompts to conditions: one small function a text tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import torch
from diffusers.loaders.textual_inversion import TextualInversionLoaderMixin
from safetensors.torch import load_file
from torch import Tensor

from synoptic.errors import InputError
from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.clip_windows import emphasize, tokenize_windows
from synoptic.models.components import ComponentLoader
from synoptic.models.hub import first_line
from synoptic.models.locks import lock_of
from synoptic.models.memory import in_halves
from synoptic.models.textual_inversion import TextualInversion

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

T5_LENGTH = 77
TextEncoder = Callable[[Sequence[str]], Conditioning]  # prompts -> their conditioning, one row each
LayerChoice = Callable[["PreTrainedModel", "TowerOutput"], Tensor]  # a tower and its output -> the hidden states to take


class TowerOutput(Protocol):
    """What a text tower of transformers returns, with `output_hidden_states`; item 0 is its last hidden state."""

    hidden_states: Sequence[Tensor]

    def __getitem__(self, index: int, /) -> Tensor: ...


def tokenize(tokenizer: Tokenizer, prompts: Sequence[str], length: int) -> BatchEncoding:
    """Return the prompts' token ids (B, length) and their mask."""
    with lock_of(tokenizer):  # its length and padding are set for each call
        return tokenizer(list(prompts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")


def embed_in_halves(text_encoder: TextEncoder, prompts: Sequence[str]) -> Conditioning:
    """Return the prompts' conditioning, embedded in halves, and theirs, where memory runs out for all at once.

    Raises InputError where they are not a list of texts, one at least: a text alone would be read letter by letter.
    """
    are_listed = isinstance(prompts, Sequence) and not isinstance(prompts, str | bytes) and len(prompts) > 0
    if not are_listed or not all(isinstance(prompt, str) for prompt in prompts):
        raise InputError(f"prompts must be a list of texts, {prompts!r:.60} was given: write [...]", rule="prompts-type")
    parts = in_halves(text_encoder, prompts)
    return Conditioning.cat(parts) if len(parts) > 1 else parts[0]


class WordLoader(TextualInversionLoaderMixin):
    """diffusers' loader of textual inversions without its pipeline."""

    hf_device_map = None
    components: Mapping[str, object] = MappingProxyType({})


class ClipTower:
    """One CLIP text encoder with its tokenizer. A prompt is `windows` times 75 tokens, each window read by itself."""

    def __init__(self, tokenizer: Any, encoder: PreTrainedModel) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    def __call__(self, prompts: Sequence[str], windows: int, layer: LayerChoice) -> tuple[Tensor, Tensor]:
        """Return the hidden states (B, windows * length, D) that `layer` takes, and the first output of window 0."""
        q = tokenize_windows(self.tokenizer, prompts, windows)
        has_mask = getattr(self.encoder.config, "use_attention_mask", False)
        mask = q.mask.flatten(0, 1).to(self.encoder.device) if has_mask else None
        out = self.encoder(q.ids.flatten(0, 1).to(self.encoder.device), attention_mask=mask, output_hidden_states=True)
        states = layer(self.encoder, out).unflatten(0, (len(prompts), windows))
        return emphasize(states, q.weights.to(states)).flatten(1, 2), out[0].unflatten(0, (len(prompts), windows))[:, 0]

    def add_word(self, token: str, vectors: Tensor) -> None:
        """Add the word of a textual inversion, (n, D) or (D,), by diffusers' own rule: n tokens.

        Raises InputError where there is such a word.
        """
        count = len(vectors) if vectors.ndim > 1 else 1
        self.encoder.resize_token_embeddings(len(self.tokenizer) + count, mean_resizing=False)  # all are given
        try:
            WordLoader().load_textual_inversion({token: vectors}, token, self.tokenizer, self.encoder)
        except ValueError as e:
            raise InputError(
                f"a textual inversion's word must be new, {token!r} cannot be added ({first_line(e)}): name it FILE:another",
                rule="inversion-token",
            ) from None


@dataclass(frozen=True)
class ClipTextEncoder:
    """Stable Diffusion 1.x and 2.x: the last hidden states (B, L, D) of one CLIP text tower.

    clip_skip: the last layers that are left out. windows: L is 77 times it, for prompts of more than 75 tokens.
    """

    tower: ClipTower
    clip_skip: int = 0
    windows: int = 1

    @property
    def towers(self) -> list[ClipTower]:
        return [self.tower]

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        return Conditioning(text=self.tower(prompts, self.windows, self._layer)[0])

    def _layer(self, encoder: PreTrainedModel, out: TowerOutput) -> Tensor:
        if not self.clip_skip:
            return out[0]
        norm, states = getattr(encoder, "text_model", encoder).final_layer_norm, out.hidden_states[-1 - self.clip_skip]
        assert isinstance(norm, torch.nn.LayerNorm)
        return norm(states.to(norm.weight.device)).to(states.device)  # which may be away while the encoder waits


@dataclass(frozen=True)
class DoubleClipTextEncoder:
    """SDXL (Podell et al. 2023): two towers' penultimate states side by side, the second's pooled text, and the sizes.

    With `zero_empty`, as the released models have it, an empty prompt is all zeros. clip_skip and windows as of
    `ClipTextEncoder`, from the penultimate layer; the pooled text is the first window's.
    """

    towers: Sequence[ClipTower]
    native_size: int
    zero_empty: bool
    clip_skip: int = 0
    windows: int = 1

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        read = [tower(prompts, self.windows, self._layer) for tower in self.towers]
        pooled = read[-1][1]
        keep = torch.tensor([float(bool(p) or not self.zero_empty) for p in prompts]).to(pooled)
        # original size, crop corner, target size: a whole picture of the native size
        time_ids = torch.tensor(
            [[self.native_size, self.native_size, 0, 0, self.native_size, self.native_size]] * len(prompts)
        ).to(pooled)
        text = torch.cat([states for states, _ in read], -1) * keep[:, None, None]
        return Conditioning(text=text, text_embeds=pooled * keep[:, None], time_ids=time_ids)

    def _layer(self, encoder: PreTrainedModel, out: TowerOutput) -> Tensor:
        return out.hidden_states[-2 - self.clip_skip]


def add_words(text: ClipTextEncoder | DoubleClipTextEncoder, inversions: Sequence[TextualInversion]) -> None:
    """Add textual inversions to a model's text encoders."""
    for one in inversions:
        tensors = load_file(one.file)
        for tower, name in zip(text.towers, one.tensors, strict=True):
            tower.add_word(one.token, tensors[name])


class T5TextEncoder:
    """DeepFloyd IF: the hidden states (B, 77, D) of a T5 encoder, of lower-case prompts."""

    def __init__(self, tokenizer: Tokenizer, encoder: PreTrainedModel) -> None:
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        q = tokenize(self.tokenizer, [p.lower().strip() for p in prompts], T5_LENGTH).to(self.encoder.device)
        return Conditioning(text=self.encoder(q.input_ids, attention_mask=q.attention_mask)[0])


def clip_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    """Return the tower of Stable Diffusion 1.x, 2.x and x4; `part(name)` loads the component of that name."""
    return ClipTextEncoder(_tower(component, ""))


def double_clip_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return DoubleClipTextEncoder(
        [_tower(component, ""), _tower(component, "_2")],
        checkpoint.native_size,
        checkpoint.model_index.get("force_zeros_for_empty_prompt", True),
    )


def t5_text_encoder(component: ComponentLoader, checkpoint: Checkpoint) -> TextEncoder:
    return T5TextEncoder(component("tokenizer"), component("text_encoder"))


def _tower(component: ComponentLoader, suffix: str) -> ClipTower:
    """Return a tokenizer and its encoder; the tokenizer's window is the encoder's where its config gives none."""
    tokenizer, encoder = component(f"tokenizer{suffix}"), component(f"text_encoder{suffix}")
    tokenizer.model_max_length = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    return ClipTower(tokenizer, encoder)

"""CLIP's tokenizer (Radford et al. 2021), from the merges that its authors published: for files that hold weights alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers.convert_slow_tokenizer import bytes_to_unicode

from synoptic.models.network_classes import network_class

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

MERGES = Path(__file__).parent / "single_files/clip_merges.txt"
START, END = "<|startoftext|>", "<|endoftext|>"
WINDOW = 77  # tokens of a prompt


def clip_tokenizer(pad_token: str) -> CLIPTokenizer:
    """Return the tokenizer of 49408 tokens: 256 bytes, the same at the end of a word, a token per merge, start and end."""
    merges: Any = [tuple(line.split(" ")) for line in MERGES.read_text(encoding="utf-8").strip("\n").split("\n")[1:]]
    characters = list(bytes_to_unicode().values())
    tokens = [*characters, *(f"{one}</w>" for one in characters), *map("".join, merges), START, END]
    vocab = {token: number for number, token in enumerate(tokens)}
    return network_class("CLIPTokenizer")(vocab=vocab, merges=merges, pad_token=pad_token, model_max_length=WINDOW)

"""What of a prompt lies beyond a text encoder's window, and is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synoptic.models.locks import lock_of
from synoptic.models.text import ClipTextEncoder, DoubleClipTextEncoder, T5TextEncoder
from synoptic.models.text_flow import FluxTextEncoder, PixArtTextEncoder, QwenTextEncoder, Sd3TextEncoder

T5_LENGTH = 77


def lost_words(text_encoder: object, prompt: str) -> str:
    """Return the end of a prompt that the text encoder never sees; "" where it sees all, or is a file of embeddings."""
    match text_encoder:
        case ClipTextEncoder(tokenizer=tokenizer):
            return beyond(tokenizer, prompt, tokenizer.model_max_length)
        case DoubleClipTextEncoder(encoders=encoders):
            return max((beyond(t, prompt, t.model_max_length) for t, _ in encoders), key=len)
        case Sd3TextEncoder(words=words) | FluxTextEncoder(words=words):  # of which CLIP sees less, T5 all that counts
            return beyond(words.tokenizer, prompt, words.length)
        case QwenTextEncoder(tokenizer=tokenizer, length=length, template=template):
            return beyond(tokenizer, prompt, length - len(tokenizer.tokenize(template.format(""))))
        case PixArtTextEncoder(tokenizer=tokenizer, length=length):
            return beyond(tokenizer, prompt.lower().strip(), length)
        case T5TextEncoder(tokenizer=tokenizer):
            return beyond(tokenizer, prompt.lower().strip(), T5_LENGTH)
    return ""


def beyond(tokenizer: Any, prompt: str, length: int) -> str:
    """Return the text of the tokens that do not fit into `length`, special ones included."""
    with lock_of(tokenizer):
        ids: Sequence[int] = tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]
    room = length - tokenizer.num_special_tokens_to_add()
    return tokenizer.decode(ids[room:]).strip() if len(ids) > room else ""


def truncation_warnings(text_encoder: object, prompts: Sequence[str]) -> list[str]:
    """Return a line per prompt whose end is lost."""
    found = ((prompt, lost_words(text_encoder, prompt)) for prompt in dict.fromkeys(prompts))
    return [
        f"the text encoder does not see the end of {p[:40]!r}…: {lost!r} is lost; shorten it" for p, lost in found if lost
    ]

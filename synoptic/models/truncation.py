"""What of a prompt lies beyond a text encoder's window, and is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from synoptic.models.emphasis import without_emphasis
from synoptic.models.locks import lock_of
from synoptic.models.text import T5_LENGTH, ClipTextEncoder, DoubleClipTextEncoder, T5TextEncoder
from synoptic.models.text_flow import FluxTextEncoder, PixArtTextEncoder, QwenTextEncoder, Sd3TextEncoder
from synoptic.models.text_language import KleinTextEncoder, QwenImageTextEncoder, SanaTextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer


def lost_words(text_encoder: object, prompt: str) -> str:
    """Return the end of a prompt that the text encoder never sees; "" where it sees all, or is a file of embeddings."""
    match text_encoder:
        case ClipTextEncoder(windows=windows) | DoubleClipTextEncoder(windows=windows):
            words, tokenizers = without_emphasis(prompt), [tower.tokenizer for tower in text_encoder.towers]
            return max((beyond(t, words, t.model_max_length, windows) for t in tokenizers), key=len)
        case Sd3TextEncoder(words=words) | FluxTextEncoder(words=words):  # of which CLIP sees less, T5 all that counts
            return beyond(words.tokenizer, prompt, words.length)
        case (
            QwenTextEncoder(tokenizer=tokenizer, length=length, template=template)
            | KleinTextEncoder(tokenizer=tokenizer, length=length, template=template)
        ):
            return beyond(tokenizer, prompt, length - len(tokenizer.tokenize(template.format(""))))
        case QwenImageTextEncoder(tokenizer=tokenizer, length=length, template=template, template_tokens=begin):
            return beyond(tokenizer, prompt, length + begin - len(tokenizer.tokenize(template.format(""))))
        case PixArtTextEncoder(tokenizer=tokenizer, length=length) | SanaTextEncoder(tokenizer=tokenizer, length=length):
            return beyond(tokenizer, prompt.lower().strip(), length)
        case T5TextEncoder(tokenizer=tokenizer):
            return beyond(tokenizer, prompt.lower().strip(), T5_LENGTH)
    return ""


def beyond(tokenizer: Tokenizer, prompt: str, length: int, windows: int = 1) -> str:
    """Return the text of the tokens that do not fit into windows of `length`, special ones included."""
    with lock_of(tokenizer):
        ids: Sequence[int] = tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]
    room = windows * (length - tokenizer.num_special_tokens_to_add())
    rest = tokenizer.decode(list(ids[room:])) if len(ids) > room else ""
    assert isinstance(rest, str)
    return rest.strip()


def truncation_warnings(text_encoder: object, prompts: Sequence[str]) -> list[str]:
    """Return a line per prompt whose end is lost."""
    has_windows = isinstance(text_encoder, ClipTextEncoder | DoubleClipTextEncoder)
    cure = "shorten it, or give --long-prompt" if has_windows else "shorten it"
    found = ((prompt, lost_words(text_encoder, prompt)) for prompt in dict.fromkeys(prompts))
    return [f"the text encoder does not see the end of {p[:40]!r}…: {lost!r} is lost; {cure}" for p, lost in found if lost]

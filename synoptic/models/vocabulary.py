"""What the bundled models know: `vocabulary.json`, gathered from the captions they were trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache

from synoptic.models.checkpoint import BUNDLED_DIR, Checkpoint
from synoptic.utils.json_objects import JsonObject


@cache
def vocabulary() -> JsonObject:
    """{"words": every word of the training captions, "prompts": {kind: examples to write prompts from}}."""
    return json.loads((BUNDLED_DIR / "vocabulary.json").read_text())


def unknown_words(prompt: str) -> list[str]:
    """Words of a prompt that no training caption had, in their order, each once."""
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", prompt.lower())
    return list(dict.fromkeys(word for word in words if word not in set(vocabulary()["words"])))


def vocabulary_warnings(checkpoint: Checkpoint, prompts: Sequence[str]) -> list[str]:
    """Return a line per prompt that has words which a bundled model never saw; none for other models."""
    if not checkpoint.is_bundled:
        return []
    found = (unknown_words(prompt) for prompt in dict.fromkeys(prompts))
    return [f"the bundled model never saw: {', '.join(words)} (what it knows: synoptic models)" for words in found if words]

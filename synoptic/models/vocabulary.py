"""What the bundled models know: `vocabulary.json` beside them, gathered from the captions that they were trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache

from synoptic.models.checkpoint import BUNDLED_DIR, Checkpoint
from synoptic.utils.json_objects import JsonObject

LONGEST = 300  # characters of the words in a line


@cache
def vocabulary() -> JsonObject:
    """Return {"words": every word of the training captions, "prompts": {kind: examples}}."""
    return json.loads((BUNDLED_DIR / "vocabulary.json").read_text("utf-8"))


def unknown_words(prompt: str) -> list[str]:
    """Return the words of a prompt that no training caption had, in their order, each once; all of one without words."""
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", prompt.lower()) or prompt.split()
    known = set(vocabulary()["words"])
    return list(dict.fromkeys(word for word in words if word not in known))


def known_from_all_sides(prompt: str) -> bool:
    """Return whether a prompt names a thing that the models learned with words for its views."""
    words = re.findall(r"\w+", prompt.lower())
    return any(thing in words for thing in vocabulary()["prompts"]["3D objects"])


def vocabulary_warnings(checkpoint: Checkpoint, prompts: Sequence[str]) -> list[str]:
    """Return a line per prompt that has words which a bundled model never saw; none for other models."""
    if not checkpoint.is_bundled:
        return []
    found = (unknown_words(prompt) for prompt in dict.fromkeys(prompts))
    return [
        f"the bundled model never saw: {', '.join(words)[:LONGEST]} (what it knows: synoptic models)"
        for words in found
        if words
    ]

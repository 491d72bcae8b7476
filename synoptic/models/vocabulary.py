"""What the bundled models know: a `vocabulary.json` beside each, gathered from the captions that it was trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from synoptic.models.checkpoint import BUNDLED_DIR, Checkpoint
from synoptic.utils.json_objects import JsonObject


@cache
def vocabulary(model: str = "sd") -> JsonObject:
    """Return {"words": every word of the training captions, "prompts": {kind: examples}} of sd or if."""
    return json.loads((BUNDLED_DIR / model / "vocabulary.json").read_text("utf-8"))


def unknown_words(prompt: str, model: str = "sd") -> list[str]:
    """Return the words of a prompt that no training caption of a model had, in their order, each once."""
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", prompt.lower())
    known = set(vocabulary(model)["words"])
    return list(dict.fromkeys(word for word in words if word not in known))


def known_from_all_sides(prompt: str, model: str = "sd") -> bool:
    """Return whether a prompt names a thing that a model learned with words for its views."""
    words = re.findall(r"\w+", prompt.lower())
    return any(thing in words for thing in vocabulary(model)["prompts"]["3D objects"])


def vocabulary_warnings(checkpoint: Checkpoint, prompts: Sequence[str]) -> list[str]:
    """Return a line per prompt that has words which a bundled model never saw; none for other models."""
    if not checkpoint.is_bundled:
        return []
    found = (unknown_words(prompt, Path(checkpoint.path_or_repo).name) for prompt in dict.fromkeys(prompts))
    return [f"the bundled model never saw: {', '.join(words)} (what it knows: synoptic models)" for words in found if words]

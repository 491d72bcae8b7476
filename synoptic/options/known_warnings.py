"""What is known before weights load to go otherwise than a person may think. Imports nothing heavy."""

from __future__ import annotations

from synoptic.models.checkpoint import Checkpoint
from synoptic.models.single_file import unread_warnings
from synoptic.models.vocabulary import vocabulary_warnings
from synoptic.options.pretrained_model import ModelOptions


def known_warnings(options: ModelOptions, checkpoint: Checkpoint) -> list[str]:
    """Return a line for each: what will not work, what nothing reads, and which words a bundled model never saw."""
    says = "an empty prompt is unconditional: whatever the model likes, not scored"
    empty = any(not item.title.strip() for item in options.items())
    found = [*options.warnings(), *unread_warnings(checkpoint), *vocabulary_warnings(checkpoint, options.texts())]
    return [*[says] * empty, *found]

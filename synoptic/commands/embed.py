"""Prompts' embeddings into a file: the text encoder is needed once, and by nobody who generates."""

from __future__ import annotations

from pathlib import Path

from synoptic.errors import user_path
from synoptic.io import write_whole
from synoptic.models.load import load_text_encoder
from synoptic.models.precomputed_text import serialize_embeddings
from synoptic.models.registry import resolve
from synoptic.models.vocabulary import vocabulary_warnings
from synoptic.options.embed import EmbedOptions
from synoptic.utils.streams import error_stream


def execute(options: EmbedOptions) -> Path:
    """Embed the prompts one by one, return the file."""
    checkpoint, file = resolve(options.model), user_path(options.out)
    for line in vocabulary_warnings(checkpoint, options.texts()):
        print(f"warning: {line}", file=error_stream())
    encoder = load_text_encoder(checkpoint, device=options.device, dtype=options.dtype)
    write_whole(file, serialize_embeddings(checkpoint, options.texts(), encoder))
    return file

"""Prompts' embeddings in a file, so that no text tower is needed: written, and read in its place (`embeddings.py`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from synoptic.models.base import Conditioning
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.embeddings import read_metadata
from synoptic.models.text import TextEncoder


def serialize_embeddings(checkpoint: Checkpoint, prompts: Sequence[str], text_encoder: TextEncoder) -> bytes:
    """Return a file of prompts' embeddings by a model's text tower."""
    with torch.no_grad():
        conds = [text_encoder([prompt]) for prompt in prompts]  # one by one: a huge tower leaves little room
    table = {name: rows.cpu().contiguous() for name, rows in Conditioning.cat(conds).named_tensors().items()}
    words = json.dumps(list(prompts), ensure_ascii=False)
    return save(table, {"prompts": words, "model": checkpoint.name, "revision": checkpoint.revision})


class PrecomputedTextEncoder:
    """A file's embeddings in a text tower's place: prompts -> Conditioning, on a device."""

    def __init__(self, path: Path, device: torch.device) -> None:
        self.rows = {prompt: row for row, prompt in enumerate(read_metadata(path)["prompts"])}
        tensors = load_file(path, str(device))
        self.table = Conditioning(
            text=tensors["text"],
            text_mask=tensors.get("text_mask"),
            text_embeds=tensors.get("text_embeds"),
            time_ids=tensors.get("time_ids"),
        )

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        return self.table.rows([self.rows[prompt] for prompt in prompts])

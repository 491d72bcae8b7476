"""Prompts' embeddings in a file, so that nobody needs the text tower to paint. Imports nothing heavy at the top.

A safetensors file with one tensor (P, …) for each field of a `Conditioning` that the text tower fills, row p of prompt p.
Its metadata names the prompts, as JSON, and the model whose tower read them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synoptic.errors import InputError
from synoptic.models.registry import Checkpoint
from synoptic.models.weights import check_weights, read_safetensors_header

if TYPE_CHECKING:
    import torch

    from synoptic.models.base import Conditioning
    from synoptic.models.text import TextEncoder


TENSORS = ("text", "text_embeds", "time_ids")  # of a Conditioning, as text encoders give them


def serialize_embeddings(checkpoint: Checkpoint, prompts: Sequence[str], text_encoder: TextEncoder) -> bytes:
    """A file of prompts' embeddings by a model's text tower."""
    import torch
    from safetensors.torch import save

    from synoptic.models.base import Conditioning

    with torch.no_grad():
        conds = [text_encoder([prompt]) for prompt in prompts]  # one by one: a huge tower leaves little room
    table = {name: rows.cpu().contiguous() for name, rows in Conditioning.cat(conds).named_tensors().items()}
    words = json.dumps(list(prompts), ensure_ascii=False)
    return save(table, {"prompts": words, "model": checkpoint.name, "revision": checkpoint.revision})


def check_embeddings(path: Path, checkpoint: Checkpoint, prompts: Sequence[str]) -> None:
    """Raises InputError unless the file can be read, is of this model and has every prompt."""
    try:
        check_weights(path)
        about = _metadata(path)
        known, model, revision = about["prompts"], about["model"], about["revision"]
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"--embeddings must be a file by `synoptic embed`, {path} is none: write it anew", rule="embeddings-file"
        ) from None
    if revision != checkpoint.revision:
        raise InputError(
            f"embeddings are of one model, {path} is of {model} ({revision}), not of {checkpoint.name}"
            f" ({checkpoint.revision}): use --model {model}, or write it anew with that --model",
            rule="embeddings-model",
        )
    width = checkpoint.unet_config.get("encoder_hid_dim") or checkpoint.unet_config.get("cross_attention_dim")
    for name, about in read_safetensors_header(path)[0].items():
        if name != "__metadata__" and (
            name not in TENSORS or about["shape"][:1] != [len(known)] or (name == "text" and about["shape"][2:] != [width])
        ):
            raise InputError(
                f"--embeddings must hold {len(known)} rows of the model's width, {path} holds {name} {about['shape']}:"
                " write it anew by `synoptic embed`",
                rule="embeddings-shape",
            )
    missing = [prompt for prompt in prompts if prompt not in known]
    if missing:
        raise InputError(
            f"--embeddings must hold every prompt, {path} lacks {missing[0]!r}: embed it with the others",
            rule="embeddings-prompt",
        )


class PrecomputedTextEncoder:
    """A file's embeddings in a text tower's place: prompts -> Conditioning, on a device."""

    def __init__(self, path: Path, device: torch.device) -> None:
        from safetensors.torch import load_file

        from synoptic.models.base import Conditioning

        self.rows = {prompt: row for row, prompt in enumerate(_metadata(path)["prompts"])}
        tensors: dict[str, Any] = load_file(path, str(device))
        self.table = Conditioning(**tensors)

    def __call__(self, prompts: Sequence[str]) -> Conditioning:
        return self.table.rows([self.rows[prompt] for prompt in prompts])


def _metadata(path: Path) -> dict[str, Any]:
    about = read_safetensors_header(path)[0]["__metadata__"]
    return about | {"prompts": json.loads(about["prompts"])}

"""Check a file of prompts' embeddings, which stands in for the text tower. Imports nothing heavy.

A safetensors file with one tensor (P, …) for each field of a `Conditioning` that the text tower fills, row p of prompt p.
Its metadata names the prompts, as JSON, and the model whose tower read them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.weights import check_weights, read_safetensors_header
from synoptic.utils.json_objects import JsonObject

WIDTH_KEYS = (
    "encoder_hid_dim",
    "caption_channels",
    "cross_attention_dim",
    "joint_attention_dim",
    "cap_feat_dim",
)  # of a network's config, by precedence
TENSORS = ("text", "text_mask", "text_embeds", "time_ids")  # of a Conditioning, as text encoders give them


def check_embeddings(path: Path, checkpoint: Checkpoint, prompts: Sequence[str]) -> None:
    """Raise InputError unless the file can be read, is of this model and has every prompt."""
    try:
        check_weights(path)
        about = read_metadata(path)
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
    width = next(filter(None, map(checkpoint.network_config.get, WIDTH_KEYS)), None)
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


def read_metadata(path: Path) -> JsonObject:
    """Return what the file says of itself: its prompts, the model and its revision."""
    about = read_safetensors_header(path)[0]["__metadata__"]
    return about | {"prompts": json.loads(about["prompts"])}

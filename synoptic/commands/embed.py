"""Prompts' embeddings into a file: the text tower is needed once, and by nobody who paints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from synoptic.errors import check_writable, prompt_list
from synoptic.models.registry import resolve
from synoptic.options.common import Device, Dtype, Model
from synoptic.options.resolve import warn_unknown

Prompts = Annotated[str | list[str], "every prompt to be painted, negative ones too; the empty one is added"]
Out = Annotated[str, "the file to write"]


def embed(
    prompt: Prompts,
    *,
    model: Model = "bundled",
    device: Device = "auto",
    dtype: Dtype = "auto",
    out: Out = "embeddings.safetensors",
) -> Path:
    """Write prompts' embeddings into a file; painting with --embeddings FILE loads no text encoder.

    synoptic models embed "a photo of a horse" "a photo of a dog" --model bundled-if --out animals.safetensors
    """
    every = list(dict.fromkeys(["", *prompt_list(prompt)]))
    source, path = resolve(model), Path(out).expanduser()
    check_writable(path.parent)
    warn_unknown(source, every)

    from synoptic.io import atomic_write
    from synoptic.models.embeddings import serialize_embeddings
    from synoptic.models.load import load_text_encoder

    data = serialize_embeddings(source, every, load_text_encoder(source, device=device, dtype=dtype))
    atomic_write(path, lambda f: f.write(data))
    return path

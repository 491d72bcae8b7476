"""The options of `embed`: prompts' embeddings in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import check_output_file, user_path
from synoptic.models.registry import resolve
from synoptic.options.base import Options
from synoptic.options.option import Option
from synoptic.options.pretrained_model import Device, Dtype, ModelName
from synoptic.options.prompts import check_prompts


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(Options):
    """Write prompts' embeddings into a file; with --embeddings FILE no text encoder is loaded.

    synoptic embed "a photo of a horse" "a photo of a dog" --model bundled-if --out animals.safetensors
    """

    prompt: Annotated[
        tuple[str, ...],
        Option("every prompt, negative ones too; the empty one is added", positional=True, separator=""),
    ]
    model: ModelName = "bundled"
    device: Device = "auto"
    dtype: Dtype = "auto"
    out: Annotated[str, Option("the file to write", recorded=False)] = "embeddings.safetensors"

    def texts(self) -> list[str]:
        """Return the prompts, each once, the empty one first."""
        return list(dict.fromkeys(["", *self.prompt]))

    def prepare(self) -> Self:
        check_prompts(self.prompt)
        resolve(self.model)
        check_output_file(user_path(self.out), [".safetensors"])
        return self

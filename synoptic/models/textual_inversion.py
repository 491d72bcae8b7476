"""Textual inversions (Gal et al. 2023): new words for a model, each a few vectors, in a safetensors file.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synoptic.errors import InputError, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.file_kinds import another_kind
from synoptic.models.hub import download
from synoptic.models.local_cache import file_hash
from synoptic.models.weights import axis_size, check_weights, read_safetensors_header

ONE_TOWER = ("emb_params",)  # the tensor's name by AUTOMATIC1111; by diffusers it is the word itself
TWO_TOWERS = ("clip_l", "clip_g")  # SDXL's
HUB_FILE = "learned_embeds.safetensors"


@dataclass(frozen=True)
class TextualInversion:
    """A word, `token`, and the file's tensors (n, width) of it, one a text encoder."""

    name: str
    file: Path
    token: str
    tensors: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, shortened."""
        return "sha256:" + file_hash(self.file)[:16]


def read_textual_inversions(values: Sequence[str], checkpoint: Checkpoint) -> list[TextualInversion]:
    """Return textual inversions `FILE_OR_ID[:token]` that are seen to belong to a model. Raises InputError otherwise."""
    found = [read_textual_inversion(value) for value in values]
    for one in found:
        check_fit(one, checkpoint)
    for one in found:
        if sum(one.token == other.token for other in found) > 1:
            raise InputError(
                f"textual inversions must have different words, {one.token!r} was given twice: name one FILE:another",
                rule="inversion-token",
            )
    return found


def read_textual_inversion(value: str) -> TextualInversion:
    """Return the textual inversion `FILE_OR_ID[:token]`: a safetensors file, or a hub id org/name.

    Its word, where none is given, is the tensor's name as diffusers writes it, or the file's. Raises InputError where there
    is no such file, or it holds none.
    """
    source, token = split(value)
    path = user_path(source)
    if not path.is_file():
        if source.count("/") != 1 or path.suffix:
            raise InputError(
                f"a textual inversion is a safetensors file or a hub id (org/name), {source!r} is none: check the path",
                rule="inversion-missing",
            )
        path = download(source, HUB_FILE, instead="give a local file, or omit --textual-inversion")
    if path.suffix != ".safetensors":
        raise InputError(
            f"a textual inversion must be a safetensors file, {source} may be a pickle, which can run code: convert it",
            rule="weights-pickle",
        )
    check_weights(path)
    header = {key: about for key, about in read_safetensors_header(path)[0].items() if key != "__metadata__"}
    names = [key for key in header if len(header[key]["shape"]) in (1, 2)]
    if set(names) == set(TWO_TOWERS):
        tensors = TWO_TOWERS
    elif len(header) == len(names) == 1 and "." not in names[0]:
        tensors = (names[0],)
    else:
        raise another_kind(source, header, "a textual inversion")
    own = path.stem if names[0] in (*ONE_TOWER, *TWO_TOWERS) else names[0]
    return TextualInversion(source, path, token or own, tensors)


def split(value: str) -> tuple[str, str]:
    """Return the source and the word of `FILE_OR_ID[:token]`; a Windows drive is part of the path."""
    source, colon, token = value.rpartition(":")
    is_path = "/" in token or "\\" in token or user_path(value).is_file()
    return (value, "") if not colon or is_path else (source, token)


def check_fit(one: TextualInversion, checkpoint: Checkpoint) -> None:
    """Raise InputError where a textual inversion was made for other text encoders than the model's, or its word is none."""
    towers = checkpoint.clip_towers
    header = read_safetensors_header(one.file)[0]
    theirs = [axis_size(header, key, -1) for key in one.tensors]
    ours = [checkpoint.config(part).get("hidden_size") for part in towers]
    if theirs != ours:
        raise InputError(
            f"a textual inversion must be made for the model's text encoders, {one.name} has vectors of {theirs},"
            f" {checkpoint.name} of {ours or 'no CLIP'}: use another --model, or another --textual-inversion",
            rule="inversion-fit",
        )
    if not one.token.strip() or any(letter.isspace() or letter in "()" for letter in one.token):
        raise InputError(
            f"a textual inversion's word must be one, without spaces or parentheses, {one.token!r} is none: give FILE:word",
            rule="inversion-token",
        )


def unused_words(inversions: Sequence[TextualInversion], prompts: Sequence[str]) -> list[str]:
    """Return a line per textual inversion whose word is in no prompt."""
    return [
        f"the word {one.token!r} of {one.name} is in no prompt: write it where it should count"
        for one in inversions
        if not any(one.token in prompt for prompt in prompts)
    ]

"""The files of a model, in a directory or on the hub: configs, weights and their hashes. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from synoptic.errors import InputError
from synoptic.models.config_checks import check_config, shard_names
from synoptic.models.hub import download, first_line, incomplete, is_online, list_files, relative_files
from synoptic.models.local_cache import file_hash
from synoptic.models.weights import check_content, check_weights, read_safetensors_header
from synoptic.utils.json_objects import JsonObject

VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",))  # a tokenizer's words: one of these
TOKENIZER_FILES = (
    *(name for names in VOCABULARIES for name in names),
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)

PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")  # say how pictures are prepared


@dataclass(frozen=True)
class CheckpointFiles:
    """Files by their paths: `name` as typed, `path_or_repo` a directory or a hub id, `index_file` the JSON at its top.

    `instead` says what to do where they cannot be had.
    """

    name: str
    path_or_repo: str
    index_file: str = "model_index.json"
    instead: str = field(default="use --model bundled or a local directory", kw_only=True, compare=False)

    @property
    def is_local(self) -> bool:
        return Path(self.path_or_repo).is_dir()

    @cached_property
    def snapshot(self) -> Path:
        """The directory that holds the model: the person's own, or one commit in the hub's cache, filled by `fetch`."""
        if self.is_local:
            return Path(self.path_or_repo)
        return download(self.path_or_repo, self.index_file, instead=self.instead).parent

    def fetch(self, files: Iterable[str]) -> list[Path]:
        """Return some of the model's files, downloaded where they are missing, weights checked to be whole safetensors."""
        paths = [
            self.snapshot / file
            if self.is_local
            else download(self.path_or_repo, file, self.snapshot.name, instead=self.instead)
            for file in files
        ]
        for path in paths:
            (check_weights if path.suffix == ".safetensors" else check_content)(path)
        return paths

    def read_json(self, file: str) -> JsonObject:
        """Return one of the model's JSON files. Raises InputError where it is missing, gated or no JSON object."""
        (path,) = self.fetch([file])
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as e:
            raise InputError(
                f"a model needs a readable {file}, {self.path_or_repo} has none ({first_line(e)}): check it, or"
                f" {self.instead}",
                rule="model-file-unreadable",
            ) from None
        if not isinstance(found, dict):
            raise InputError(
                f"a model's {file} must hold a JSON object, that of {self.path_or_repo} does not: check it",
                rule="model-file-unreadable",
            )
        return found

    @cached_property
    def files(self) -> list[str]:
        """Every file's path inside the model."""
        return relative_files(self.snapshot) if self.is_local else list_files(self.path_or_repo, self.snapshot)

    def config(self, component: str, file: str = "config.json") -> JsonObject:
        """Return a component's config, checked. The component "" is the model itself. Raises
        InputError as `check_config` does.
        """
        config = self.read_json(f"{component}/{file}" if component else file)
        check_config(config, f"{component} of {self.name}" if component else self.name)
        return config

    def processor_config(self) -> JsonObject:
        """Return how pictures are prepared: preprocessor_config.json, or, saved by transformers
        5, part of processor_config.json.

        Raises InputError as `config` does, and where there is neither.
        """
        old, new = PROCESSOR_FILES
        config = self.config("", new if new in self.files and old not in self.files else old)
        return config.get("image_processor") or config

    def variant(self, component: str, half: bool) -> str | None:
        """Return fp16 or bf16 where half precision is wanted and this part has such weights, or no others; else None."""
        variants = ("fp16", "bf16", None, "non_ema") if half else (None, "fp16", "bf16", "non_ema")
        return next((variant for variant in variants if self._weight_files(component, variant)), None)

    def weight_files(self, component: str, half: bool) -> list[str]:
        """Return the weight files that a network is read from, and its index first if it has one.

        The component "" is the model itself. Raises InputError where there are none, or where its index names a file
        outside the network's own folder or one that is no safetensors file.
        """
        files = self._weight_files(component, self.variant(component, half))
        if files:
            return files
        folder = self.snapshot / component
        pickles = [f for f in self.files if f.startswith(component) and f.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl"))]
        if pickles:
            raise InputError(
                f"weights must be safetensors, {folder} holds only the pickle {pickles[0]}, which can run code: convert it"
                " (save_pretrained with safe_serialization) or take another copy",
                rule="weights-pickle",
            )
        if not self.is_local and not is_online():
            raise incomplete(self.path_or_repo, f"{component}/*.safetensors" if component else "*.safetensors")
        raise InputError(
            f"weights must be safetensors, {folder} holds none: check the path, or {self.instead}",
            rule="weights-missing",
        )

    def tensor_shapes(self, component: str) -> dict[str, list[int]] | None:
        """Return a network's tensors and their shapes, from its weight files' headers; None where these are not here yet."""
        files = [self.snapshot / file for file in self.weight_files(component, half=False)]
        if not all(file.is_file() for file in files):
            return None
        headers = (read_safetensors_header(file)[0] for file in files if file.suffix == ".safetensors")
        return {key: about["shape"] for header in headers for key, about in header.items() if key != "__metadata__"}

    def _weight_files(self, component: str, variant: str | None) -> list[str]:
        """Return as from_pretrained names them: diffusers says `diffusion_pytorch_model`, transformers `model`."""
        folder, part = (f"{component}/", f".{variant}") if component else ("", f".{variant}")
        part = part if variant else ""
        stem = "diffusion_pytorch_model" if "_class_name" in self.config(component) else "model"
        index = f"{folder}{stem}.safetensors.index{part}.json"
        if index in self.files:
            return [index, *(folder + shard for shard in shard_names(self.read_json(index), index))]
        single = f"{folder}{stem}{part}.safetensors"
        return [single] if single in self.files else []

    @property
    def network_revision(self) -> str:
        """The hub's commit, or a hash of config and weights, of a directory that holds one network alone."""
        if not self.is_local:
            return self.snapshot.name
        return self._hash_of(self.network_files)

    @property
    def network_files(self) -> list[str]:
        """Every file that loading one network reads, in full or in half precision: configs, words and weights."""
        beside = (name for name in (*PROCESSOR_FILES, *TOKENIZER_FILES) if name in self.files)
        return sorted({self.index_file, *beside, *(f for half in (False, True) for f in self.weight_files("", half))})

    def _hash_of(self, names: Iterable[str]) -> str:
        digest = hashlib.sha256()
        for name in names:
            digest.update(name.encode() + bytes.fromhex(file_hash(self.snapshot / name)))
        return "sha256:" + digest.hexdigest()[:16]

    def word_files(self, component: str = "") -> list[str]:
        """Return a tokenizer's files; the component "" is the model itself."""
        folder = f"{component}/" if component else ""
        return [folder + name for name in TOKENIZER_FILES if folder + name in self.files]

"""The bundled models: directories that diffusers and transformers read too."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from synoptic.models.checkpoint import BUNDLED_DIR


@pytest.mark.parametrize(
    ("library", "kind", "folder"),
    [
        ("diffusers", "StableDiffusionPipeline", "sd"),
        ("diffusers", "IFPipeline", "if"),
        ("diffusers", "IFSuperResolutionPipeline", "if-ii"),
        ("transformers", "CLIPModel", "clip"),
        ("transformers", "CLIPModel", "clip-grayscale"),
    ],
)
def test_a_bundled_directory_is_a_genuine_one(library, kind, folder):
    loader: Any = getattr(importlib.import_module(library), kind)
    loaded = loader.from_pretrained(BUNDLED_DIR / folder, local_files_only=True)
    parts = (
        [loaded] if library == "transformers" else [c for c in loaded.components.values() if isinstance(c, torch.nn.Module)]
    )
    assert {p.dtype for part in parts for p in part.parameters()} == {torch.float32}


def test_no_bundled_file_is_a_pickle():
    files = [p for p in BUNDLED_DIR.rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".json", ".safetensors"}
    assert [p for p in files if p.open("rb").read(2) in (b"PK", b"\x80\x02", b"\x80\x04")] == []

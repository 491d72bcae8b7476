"""The registry: a broken directory is refused before weights load, and what is found knows its sizes."""

from __future__ import annotations

import re

import pytest
import torch

from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.registry import resolve, resolve_clip
from tests.models.directories import SD, WEIGHTS, edit, index, pickled, refused, weights, write


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda m: (m / "model_index.json").unlink(), ["model_index.json", "check it"]),
        (lambda m: write(m / "model_index.json", b"{"), ["readable model_index.json", "check it"]),
        (pickled, ["diffusion_pytorch_model.bin", "pickle", "can run code", "safe_serialization"]),
        (lambda m: (m / WEIGHTS).unlink(), ["unet holds none", "check the path", "--model bundled"]),
        (weights(lambda b: b""), [WEIGHTS, "no safetensors header", "download it again"]),
        (weights(lambda b: b"\x80\x04K" * 999), [WEIGHTS, "no safetensors header", "download it again"]),
        (weights(lambda b: b[:8] + b"\xff" * 9 + b[17:]), [WEIGHTS, "unreadable header", "download it again"]),
        (weights(lambda b: b[:-1]), [WEIGHTS, "bytes instead of", "download it again"]),
        (weights(lambda b: b[:100]), [WEIGHTS, "unreadable header", "download it again"]),
        (index(_class_name="KandinskyPipeline"), ["KandinskyPipeline", "StableDiffusionPipeline", "IFPipeline"]),
        (lambda m: edit(m / "unet/config.json", sample_size=[8, 8]), ["one sample_size", "[8, 8]", "choose another"]),
    ],
    ids=[
        "no index",
        "broken index",
        "pickle",
        "no weights",
        "empty",
        "pickle bytes",
        "garbage header",
        "one byte short",
        "cut in its header",
        "unsupported pipeline",
        "no native size",
    ],
)
def test_a_broken_directory_is_refused_before_weights_load(model, broken, words):
    resolve(str(model))
    broken(model)
    refused(lambda: resolve(str(model)), *words)


def test_a_clip_model_must_be_one():
    refused(lambda: resolve_clip(str(SD / "unet")), "CLIPModel", "--clip-model bundled")
    assert resolve_clip("bundled").path_or_repo == str(BUNDLED_DIR / "clip")


@pytest.mark.parametrize(("name", "shape", "factor"), [("bundled", (8, 32, 32), 8), ("bundled-if", (3, 64, 64), 1)])
def test_the_bundled_models_know_their_sizes(name, shape, factor, sd32, pixel32):
    m, source = {"bundled": sd32, "bundled-if": pixel32}[name], resolve(name)
    assert (m.shape, m.factor) == (shape, factor)
    assert (source.native_size, source.factor) == (shape[1] * factor, factor)
    p = m.predict(torch.randn(2, *shape), 500, m.embed(["a horse", "a deer"]))
    assert p.x0.shape == p.eps.shape == (2, *shape) and p.x0.isfinite().all()
    assert (p.var is not None) == (name == "bundled-if")


def test_the_revision_follows_the_weights(model, tmp_path):
    revision = resolve("bundled").revision
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", revision)
    assert resolve(str(model)).revision == revision
    weights(lambda b: b[:-1] + bytes([b[-1] ^ 1]))(model)
    assert resolve(str(model)).revision != revision

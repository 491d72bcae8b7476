"""Loading: what loads is whole and safe, in the precision that was asked for."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from synoptic.errors import InputError
from synoptic.models.load import load
from tests.models.directories import WEIGHTS, index, write
from tests.quick import slow_ones


def test_no_code_of_a_model_runs(model, monkeypatch):
    write(model / "evil.py", b"UNet2DConditionModel = CLIPTextModel = print\n")
    index(unet=["evil", "UNet2DConditionModel"], text_encoder=["evil", "CLIPTextModel"])(model)
    monkeypatch.syspath_prepend(model)
    assert load(str(model), device="cpu", dtype="float32").shape == (8, 32, 32)
    assert "evil" not in sys.modules and importlib.import_module("evil")


def test_a_pickle_is_not_read_where_a_stray_safetensors_file_lies_beside_it(model):
    torch.save(load_file(model / WEIGHTS), model / WEIGHTS.replace("safetensors", "bin"))
    (model / WEIGHTS).rename(model / "unet/other.safetensors")
    with pytest.raises((InputError, OSError), match="safetensors"):
        load(str(model), device="cpu", dtype="float32")


def fp16_variant(model: Path, *, only: bool) -> None:
    """Add half-precision files, the network's own with another bias; `only` takes the others away."""
    for path in [next((model / part).glob("*.safetensors")) for part in ("unet", "vae", "text_encoder")]:
        tensors = {key: value.half() for key, value in load_file(path).items()}
        if "conv_in.bias" in tensors:
            tensors["conv_in.bias"].fill_(1)
        save_file(tensors, path.with_suffix(".fp16.safetensors"), {"format": "pt"})
        if only:
            path.unlink()


@pytest.mark.parametrize(
    ("only", "dtype", "picks"),
    slow_ones(
        [(True, "float32", True), (True, "bfloat16", True), (False, "bfloat16", True), (False, "float32", False)],
        [(True, "float32", True), (True, "bfloat16", True)],
    ),
)
def test_half_precision_or_need_picks_the_fp16_variant(model, only, dtype, picks):
    fp16_variant(model, only=only)
    loaded: Any = load(str(model), device="cpu", dtype=dtype)
    net = loaded.unet.net
    assert (net.conv_in.bias == 1).all().item() is picks
    assert str(net.dtype) == f"torch.{dtype}"


def test_on_a_cpu_only_the_network_is_halved(tiny_sd):
    m: Any = load(str(tiny_sd), device="cpu", dtype="bfloat16")
    assert (m.unet.net.dtype, m.vae.dtype, m.text_encoder.tower.encoder.dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
    x = torch.zeros(1, *m.shape)
    assert m.predict(x, 500, m.embed(["a horse"])).x0.dtype == m.decode(x).dtype == torch.float32

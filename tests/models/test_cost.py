"""What networks cost, from configs alone: published sizes, and figures that others measured."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from torch import nn
from transformers import T5Config, T5EncoderModel

from synoptic.models.checkpoint import BUNDLED_DIR, Checkpoint
from synoptic.models.cost import (
    RowCost,
    build_network,
    count_parameters,
    measure_row,
    unet_inputs,
    unet_row_cost,
)
from synoptic.models.load import load
from synoptic.models.local_cache import file_hash, read_cached, write_cached
from synoptic.models.registry import resolve
from synoptic.models.transformer_cost import flux_inputs, sd3_inputs, z_image_inputs

GIB = 2**30
SD15 = {"sample_size": 64, "in_channels": 4, "cross_attention_dim": 768, "attention_head_dim": 8}
SD21 = SD15 | {
    "sample_size": 96,
    "cross_attention_dim": 1024,
    "attention_head_dim": [5, 10, 20, 20],
    "use_linear_projection": True,
}
SDXL = {
    "sample_size": 128,
    "in_channels": 4,
    "cross_attention_dim": 2048,
    "attention_head_dim": [5, 10, 20],
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_measuring_leaves_the_dtype_of_other_threads_alone():
    def build() -> nn.Module:
        assert torch.get_default_dtype() == torch.float32  # of the whole process
        net = nn.Linear(4, 4)
        assert net.weight.dtype == torch.bfloat16
        return net

    measure_row(build, lambda dtype: {"input": torch.ones(2, 4, dtype=dtype)}, torch.bfloat16)


@pytest.mark.parametrize(
    ("config", "count", "gib", "tflop"),
    [
        pytest.param(
            SD15, 859_520_964, 0.06, 0.80, marks=pytest.mark.slow
        ),  # 401 GMAC, as published with the model's distillations
        pytest.param(SD21, 865_910_724, 0.14, 2.15, marks=pytest.mark.slow),
        pytest.param(SDXL, 2_567_463_684, 0.154, 6.76, marks=pytest.mark.slow),
    ],
    ids=["SD 1.5", "SD 2.1", "SDXL"],
)
def test_stable_diffusion_has_its_published_size(config, count, gib, tflop):
    with torch.device("meta"):
        assert parameters(build_network("UNet2DConditionModel", config)) == count
    cost = unet_row_cost(config, torch.float16)
    assert cost.bytes / GIB == pytest.approx(gib, rel=0.08) and cost.flops / 1e12 == pytest.approx(tflop, rel=0.01)


@pytest.mark.slow
def test_flux_has_its_published_size_memory_and_work():
    def build() -> nn.Module:
        return FluxTransformer2DModel(guidance_embeds=True)

    with torch.device("meta"):
        assert parameters(build()) == 11_901_408_320
    config = {"in_channels": 64, "guidance_embeds": True, "joint_attention_dim": 4096, "pooled_projection_dim": 768}
    cost = measure_row(build, flux_inputs(config, 128, 512), torch.bfloat16)
    # diffusers' own benchmark: 22.61 GiB at the peak, of which the weights are 22.17; 59.5 TFLOP without attention's 14.9
    assert cost.bytes / GIB == pytest.approx(22.61 - 22.17, rel=0.05)
    assert cost.flops / 1e12 == pytest.approx(59.5 + 14.9, rel=0.01)


@pytest.mark.slow
def test_stable_diffusion_3_5_medium_has_its_published_size():
    how: dict[str, Any] = {"sample_size": 128, "num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536}
    how |= {"pos_embed_max_size": 384, "dual_attention_layers": tuple(range(13)), "qk_norm": "rms_norm", "in_channels": 16}

    def build() -> nn.Module:
        return SD3Transformer2DModel(**how, out_channels=16, joint_attention_dim=4096, pooled_projection_dim=2048)

    with torch.device("meta"):
        assert parameters(build()) * 2 / GIB == pytest.approx(4.18, abs=0.03)
    config = {"in_channels": 16, "joint_attention_dim": 4096, "pooled_projection_dim": 2048}
    cost = measure_row(build, sd3_inputs(config, 128, 256), torch.bfloat16)
    assert cost.bytes / GIB == pytest.approx(0.17, rel=0.06) and cost.flops / 1e12 == pytest.approx(11.3, rel=0.01)


@pytest.mark.slow
def test_z_image_has_its_published_size():
    def build() -> nn.Module:
        return ZImageTransformer2DModel()

    with torch.device("meta"):
        assert parameters(build()) / 1e9 == pytest.approx(6.16, abs=0.01)
    cost = measure_row(build, z_image_inputs({"in_channels": 16, "cap_feat_dim": 2560}, 128, 512), torch.bfloat16)
    # two operations a weight and token, and attention's; the layers see 4096 tokens of the picture and 512 of text
    layers, width, tokens = 30, 3840, 4096 + 512
    weights = layers * (4 * width**2 + 3 * width * int(width / 3 * 8))
    assert cost.flops == pytest.approx(2 * weights * tokens + layers * 4 * tokens**2 * width, rel=0.08)
    assert 0.1 < cost.bytes / GIB < 22 * tokens * width * 2 / GIB


def test_the_text_encoder_of_deepfloyd_has_its_published_size():
    config = T5Config(d_model=4096, d_ff=10240, d_kv=64, num_layers=24, num_heads=64, vocab_size=32128)
    config.feed_forward_proj = "gated-gelu"
    config.is_gated_act, config.dense_act_fn = True, "gelu_new"
    with torch.device("meta"):
        assert parameters(T5EncoderModel(config)) == 4_762_310_656


def test_a_linear_layer_costs_what_its_formula_says():
    cost = measure_row(
        lambda: nn.Linear(64, 32, bias=False), lambda d: {"input": torch.empty(10, 64, dtype=d)}, torch.float32
    )
    assert cost == RowCost(bytes=(10 * 64 + 10 * 32) * 4, flops=2 * 10 * 64 * 32)


@pytest.mark.parametrize("name", ["bundled", "bundled-if"])
def test_parameters_are_counted_from_headers_and_from_configs_alike(name, tmp_path, monkeypatch):
    checkpoint, model = resolve(name), load(name, device="cpu", dtype="float32")
    assert count_parameters(checkpoint, "unet") == parameters(model.network)
    monkeypatch.setattr(Checkpoint, "weight_files", lambda *_, **__: ["nowhere.safetensors"])
    for part in checkpoint.family.weighted_components:
        found = count_parameters(checkpoint, part)
        monkeypatch.undo()
        assert found == count_parameters(checkpoint, part), part
        monkeypatch.setattr(Checkpoint, "weight_files", lambda *_, **__: ["nowhere.safetensors"])


@pytest.mark.slow
def test_every_bundled_network_is_measured():
    for folder in ("sd", "if", "if-ii"):
        config = Checkpoint(folder, str(BUNDLED_DIR / folder)).network_config
        cost = unet_row_cost(config, torch.float32)
        with torch.device("meta"):
            net = build_network("UNet2DConditionModel", config)
            out = net(**unet_inputs(config)(torch.float32), return_dict=False)[0]
        assert cost.bytes > out.numel() * 4 and cost.flops > 1e9


def test_what_is_measured_is_kept_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_cached("speeds", "a", 1.5)
    write_cached("speeds", "b", 2.5)
    assert read_cached("speeds") == {"a": 1.5, "b": 2.5} and [f.name for f in (tmp_path / "synoptic").iterdir()] == [
        "speeds.json"
    ]
    (tmp_path / "synoptic" / "speeds.json").write_text("{")
    assert read_cached("speeds") == {}
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    write_cached("speeds", "a", 1.5)
    assert read_cached("speeds") == {}


def test_a_large_file_is_hashed_once_and_anew_where_it_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "weights"
    file.write_bytes(bytes(2**20))
    first = file_hash(file)
    assert first == hashlib.sha256(bytes(2**20)).hexdigest() and list(read_cached("hashes").values()) == [first]
    monkeypatch.setattr("synoptic.models.local_cache.hashlib.file_digest", lambda *_: pytest.fail("hashed again"))
    assert file_hash(file) == first
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file.write_bytes(b"1" + bytes(2**20 - 1))
    os.utime(file, ns=(0, 7))
    assert file_hash(file) == hashlib.sha256(file.read_bytes()).hexdigest() != first

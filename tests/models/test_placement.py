"""Weights that wait elsewhere change nothing; in fewer bits they are what rounding makes of them, as large as planned."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn

import synoptic
from synoptic.errors import InputError
from synoptic.models.component_bytes import component_bytes, quantized_bytes
from synoptic.models.load import load
from synoptic.models.memory import CONTEXT_BYTES
from synoptic.models.placement import check_placement, choose_offload, on_device_while_called, resident_bytes
from synoptic.models.registry import resolve
from synoptic.options import options_class
from synoptic.runs.plan import make_plan
from tests.exact import normal
from tests.quick import slow_ones

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
GIB = 2**30
SDXL = {"unet": 478 * GIB // 100, "text_encoder": GIB // 4, "text_encoder_2": 13 * GIB // 10, "vae": 31 * GIB // 100}


def denoised(model: Any) -> torch.Tensor:
    cond = model.embed(["a photo of a horse", ""])
    return model.predict(normal(2, *model.shape).float(), 500, cond).x0


def loaded(**how: Any) -> Any:
    return load("bundled", device="cpu", dtype="float32", **how)


@pytest.mark.parametrize("offload", slow_ones(["text", "group", "auto"], ["text", "auto"]))
def test_weights_that_wait_give_the_same_numbers(offload, sd32):
    torch.testing.assert_close(denoised(loaded(offload=offload)), denoised(sd32), rtol=0, atol=0)


def test_a_text_encoder_is_there_only_while_it_is_called():
    """The device of its weights, on torch's device without numbers, within and after a call."""
    seen, layer = [], nn.Linear(3, 3)
    on_device_while_called(layer, torch.device("meta"))
    layer.register_forward_pre_hook(lambda module, _: seen.append(module.weight.device.type))
    before = layer.weight.clone()
    assert layer(torch.zeros(1, 3)).device.type == "meta" and seen == ["meta"]
    torch.testing.assert_close(layer.weight, before, rtol=0, atol=0)  # which waited, and need not come back from there


def test_a_text_encoder_that_fails_goes_back_to_wait():
    layer = nn.Linear(3, 3)
    on_device_while_called(layer, torch.device("meta"))
    with pytest.raises(RuntimeError):
        layer(torch.zeros(1, 4))
    assert layer.weight.device.type == layer.bias.device.type == "cpu"


@pytest.mark.slow
def test_fp8_computes_with_rounded_weights():
    """Against the same network whose convolutions and linear layers, but those that diffusers skips, were rounded."""
    rounded, stored = loaded(), loaded(quantize="fp8")
    for name, layer in rounded.network.named_modules():
        skipped = any(part in name for part in ("norm", "pos_embed", "patch_embed")) or name in ("proj_in", "proj_out")
        if isinstance(layer, nn.Linear | nn.Conv2d) and not skipped:
            for p in layer.parameters():
                p.data = p.data.to(torch.float8_e4m3fn).float()
    torch.testing.assert_close(denoised(stored), denoised(rounded), rtol=1e-5, atol=1e-5)
    held = sum(p.numel() * p.itemsize for p in stored.network.parameters())
    assert held == quantized_bytes(resolve("bundled"), "fp8", torch.float32) < 0.26 * 4 * 16233704
    computed = quantized_bytes(resolve("bundled"), "fp8-compute", torch.bfloat16)
    linears = [
        m
        for m in rounded.network.modules()
        if isinstance(m, nn.Linear) and not {m.in_features % 16, m.out_features % 16} - {0}
    ]
    weights, rows = sum(m.weight.numel() for m in linears), sum(m.out_features for m in linears)
    assert computed == 2 * 16233704 - weights + 4 * rows
    both = denoised(loaded(quantize="fp8", offload="group"))
    torch.testing.assert_close(both, denoised(stored), rtol=0, atol=0)


@pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is of the extra [quantize]")
def test_int8_computes_with_nearly_the_same_weights():
    whole, stored = denoised(loaded()), denoised(loaded(quantize="int8"))
    assert 0 < float((stored - whole).abs().max()) < 0.05 * float(whole.abs().max())


@pytest.mark.parametrize("quantize", ["int8", "nf4", "fp8-compute"])
def test_a_missing_library_is_named_before_anything_loads(quantize, monkeypatch):
    monkeypatch.setattr("synoptic.models.placement_names.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs .*, which is not installed: .*quantize.*fp8") as e:
        options_class("generate").from_arguments("a horse", quantize=quantize).prepare()
    assert e.value.rule == "missing-package"


def test_what_does_not_go_together_is_refused(monkeypatch):
    for application, how, rule in [
        ("distill", {"offload": "group"}, "placement-gradients"),
        ("distill", {"quantize": "fp8"}, "placement-gradients"),
        ("wide", {"offload": "group", "syncdiffusion_weight": 8.0}, "placement-gradients"),
        ("wide", {"quantize": "fp8", "compile": True}, "placement-compile"),
        ("wide", {"offload": "group", "deepcache": 2}, "deepcache-whole"),
    ]:
        with pytest.raises(InputError) as e:
            options_class(application).from_arguments("a horse", **how).prepare()
        assert e.value.rule == rule
    monkeypatch.setattr("synoptic.models.placement_names.find_spec", lambda name: True)
    for quantize in ("nf4", "fp8-compute"):
        with pytest.raises(InputError, match="CUDA alone"):
            check_placement("none", quantize, CPU, torch.float32)
    with pytest.raises(InputError, match="--dtype bfloat16"):
        check_placement("none", "fp8-compute", CUDA, torch.float16)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (8, 0))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "A100")
    with pytest.raises(InputError, match=r"A100 does not: use --quantize fp8$"):
        check_placement("none", "fp8-compute", CUDA, torch.bfloat16)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (9, 0))
    check_placement("none", "fp8-compute", CUDA, torch.bfloat16, compile=True)
    with pytest.raises(InputError, match="chosen when a model"):
        synoptic.generate(loaded(), "a horse", offload="text")


def test_the_first_placement_that_fits_is_chosen():
    """SDXL in half precision, whose VAE works in float32 (3 GiB a picture), on GPUs of 8 to 24 GiB."""
    coding = 3 * GIB
    chosen = {gib: choose_offload(SDXL, "unet", coding, gib * GIB, CUDA) for gib in (8, 9, 12, 24)}
    assert chosen == {8: "group", 9: "text", 12: "none", 24: "none"}
    assert choose_offload(SDXL, "unet", coding, GIB, CPU) == "none"
    for gib in (9, 12):
        assert resident_bytes(SDXL, "unet", chosen[gib]) + CONTEXT_BYTES + coding <= gib * GIB
    assert resident_bytes(SDXL, "unet", "none") == sum(SDXL.values())
    assert resident_bytes(SDXL, "unet", "text") == SDXL["unet"] + SDXL["vae"]


def test_a_plan_says_what_lies_where():
    def plan(**how: Any) -> Any:
        options: Any = options_class("generate").from_arguments("a horse", model="bundled", device="cpu", **how).prepare()
        return make_plan(options)

    usual, away, small = plan(), plan(offload="text"), plan(quantize="fp8")
    assert usual.offload == away.offload == "none" and away.peak == usual.peak  # on a CPU they wait in the same memory
    on_gpu, gone = (replace(usual, device=CUDA, offload=offload) for offload in ("none", "text"))
    assert on_gpu.resident - gone.resident == usual.weights["text_encoder"]
    assert "text encoders are on the device only while they embed" in str(gone)
    assert small.weights["unet"] < usual.weights["unet"]
    assert small.weights["unet"] == component_bytes(resolve("bundled"), CPU, small.dtype, "fp8")["unet"]

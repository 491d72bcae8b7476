"""Devices and dtypes: the fastest there is, and what torch cannot use is refused."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest
import torch

import synoptic
from synoptic.errors import InputError
from synoptic.models.device import choose_device, choose_dtype, gpu_name, is_named
from synoptic.models.load import load
from synoptic.models.load_once import load_once
from tests.models.directories import refused


@pytest.mark.parametrize(
    ("avx512", "amx", "chosen"),
    [(False, False, torch.float32), (True, False, torch.bfloat16), (False, True, torch.bfloat16)],
)
def test_a_cpu_computes_in_bfloat16_where_it_has_hardware_for_it(monkeypatch, avx512, amx, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert choose_dtype("auto", torch.device("cpu")) == chosen
    assert choose_dtype("float64", torch.device("cpu")) == torch.float64
    assert choose_dtype("auto", torch.device("cuda")) == torch.float16


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(False, False, "cpu"), (False, True, "mps"), (True, True, "cuda")])
def test_the_device_is_the_fastest_there_is(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == chosen


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:3", "nonsense", ""])
def test_a_device_that_torch_cannot_use_is_refused(device):
    refused(lambda: load(device=device), repr(device), "--device auto or cpu")


def test_an_unknown_dtype_lists_the_known_ones():
    refused(lambda: load(dtype="int8"), "int8", "auto", "float32", "bfloat16", "float16")


def test_a_gpu_has_the_name_that_nvidia_smi_gives_it_whatever_its_number(monkeypatch):
    of_number = [UUID("8a1b2c3d-0000-4000-8000-000000000000"), UUID("9a1b2c3d-0000-4000-8000-000000000000")]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda d: SimpleNamespace(uuid=of_number[d.index or 0]))
    assert [gpu_name(torch.device(name)) for name in ("cuda", "cuda:1", "cpu")] == ["GPU-8a1b2c3d", "GPU-9a1b2c3d", ""]


@pytest.mark.parametrize("current", [0, 1])
def test_cuda_is_the_current_gpu_whatever_it_is_called(monkeypatch, current):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current)
    here, other = torch.device(f"cuda:{current}"), torch.device(f"cuda:{1 - current}")
    for device in (here, torch.device("cuda")):
        assert all(is_named(device, name) for name in ("auto", "cuda", str(here)))
        assert not any(is_named(device, name) for name in (str(other), "cpu", "mps", "nonsense", ""))
    assert not is_named(other, "cuda") and is_named(other, str(other))
    assert all(is_named(torch.device(name), other) for name, other in (("cpu", "cpu:0"), ("mps:0", "mps")))


def test_one_model_is_loaded_once_whatever_its_device_and_dtype_are_called():
    as_chosen = load_once("bundled", device="cpu")
    dtype = str(as_chosen.dtype).removeprefix("torch.")
    assert load_once("bundled", device="cpu:0") is as_chosen and load_once("bundled", device="cpu", dtype=dtype) is as_chosen


def test_another_default_device_is_refused_with_its_cure(sd32):
    with torch.device("meta"):  # as torch.set_default_device("cuda") does where there is a GPU
        for call in (lambda: synoptic.load("bundled"), lambda: synoptic.generate(sd32, "a fox", steps=1)):
            with pytest.raises(InputError, match=r"torch.set_default_device\('cpu'\)") as e:
                call()
            assert e.value.rule == "default-device"
    with torch.device("cpu"):
        synoptic.generate(sd32, "a fox", steps=1)

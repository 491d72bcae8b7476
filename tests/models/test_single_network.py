"""A VAE or a ControlNet in one file: the network that diffusers makes of it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from synoptic.errors import InputError
from synoptic.models.control_kinds import union_kind
from synoptic.models.file_kinds import weight_file
from synoptic.models.load import load, load_controlnet
from synoptic.models.registry import resolve, resolve_controlnet, resolve_vae
from tests.models.single_files import tiny_configs, tiny_pipeline
from tests.original_layout import controlnet, under, vae, write
from tests.quick import slow_ones

diffusers: Any = importlib.import_module("diffusers")


@pytest.fixture
def pipe() -> Any:
    return tiny_pipeline("sd1.5")


@pytest.fixture
def model(pipe, tmp_path) -> Path:
    pipe.save_pretrained(tmp_path / "model", safe_serialization=True)
    return tmp_path / "model"


@pytest.mark.parametrize("layout", slow_ones(["original", "in a whole model", "diffusers"], ["original", "diffusers"]))
def test_a_vae_s_file(layout, pipe, model, tmp_path):
    torch.manual_seed(7)
    other: Any = diffusers.AutoencoderKL.from_config(tiny_configs("sd1.5")["vae"])
    prefix = "first_stage_model." if layout == "in a whole model" else ""
    tensors = dict(other.state_dict()) if layout == "diffusers" else under(prefix, vae(other))
    file = write(tensors, tmp_path / "vae.safetensors")
    ours = load(str(model), device="cpu", dtype="float64", vae=str(file))  # in float32 machines differ by as much as this
    z = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours.decode(z), other.double().decode(z / 0.18215).sample, rtol=0, atol=1e-5)
    theirs = diffusers.AutoencoderKL.from_single_file(str(file), config=str(model), subfolder="vae")
    written = other.state_dict()
    for key, value in theirs.state_dict().items():
        assert torch.equal(value, written[key].float()), key


@pytest.mark.parametrize("told_by", ["tensors", "header", "config"])
def test_a_file_of_a_vae_of_another_family_is_refused(told_by, pipe, model, tmp_path):
    torch.manual_seed(7)
    other: Any = diffusers.AutoencoderKL.from_config(tiny_configs("sd1.5")["vae"])
    file = tmp_path / "diffusion_pytorch_model.safetensors"

    def told(family: str) -> None:
        marks = {"sdxl": "conditioner.embedders.1.x", "sd": "cond_stage_model.x"}
        tensors = under("first_stage_model.", vae(other)) | {marks[family]: torch.zeros(1)}
        spec = {"sdxl": "stable-diffusion-xl-v1-base/vae", "sd": "stable-diffusion-v1"}
        about = {"modelspec.architecture": spec[family]} if told_by == "header" else None
        save_file(tensors if told_by == "tensors" else vae(other), file, about)
        if told_by == "config":
            scale = {"sdxl": 0.13025, "sd": 0.18215}[family]
            diffusers.AutoencoderKL.from_config(other.config | {"scaling_factor": scale}).save_config(tmp_path)

    told("sd")
    resolve_vae(str(file), resolve(str(model)))
    told("sdxl")
    with pytest.raises(InputError, match=r"scaling_factor 0\.13025 of SDXL.*: use another --vae") as e:
        resolve_vae(str(file), resolve(str(model)))
    assert e.value.rule == "vae-fit"


def test_a_vae_of_other_latents_is_refused(pipe, model, tmp_path):
    other: Any = diffusers.AutoencoderKL.from_config(tiny_configs("sd1.5")["vae"] | {"latent_channels": 16})
    file = write(vae(other), tmp_path / "vae.safetensors")
    with pytest.raises(InputError) as e:
        resolve_vae(str(file), resolve(str(model)))
    assert e.value.rule == "vae-fit"


@pytest.mark.parametrize("layout", ["original", "diffusers"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("block_out_channels", [8, 8, 16, 32]),
        ("layers_per_block", 1),
        ("mid_block_add_attention", False),
        ("use_quant_conv", False),
        ("use_post_quant_conv", False),
    ],
)
def test_a_vae_s_file_of_another_shape_is_refused_before_it_loads(key, value, layout, pipe, model, tmp_path):
    config = tiny_configs("sd1.5")["vae"]
    assert config.get(key, True) != value
    other: Any = diffusers.AutoencoderKL.from_config(config | {key: value})
    tensors = dict(other.state_dict()) if layout == "diffusers" else vae(other)
    if key == "mid_block_add_attention" and layout == "original":
        tensors = {name: tensor for name, tensor in tensors.items() if "attn" not in name}
    file = write(tensors, tmp_path / "vae.safetensors")
    with pytest.raises(InputError, match=f"{key} of .*: give its directory in diffusers' format") as e:
        resolve_vae(str(file), resolve(str(model)))
    assert e.value.rule == "vae-fit"
    other.save_pretrained(tmp_path / "vae")  # whose config says it, also where its file is named
    resolve_vae(str(tmp_path / "vae/diffusion_pytorch_model.safetensors"), resolve(str(model)))


def test_a_vae_s_file_that_is_not_whole_is_told_so(pipe, model, tmp_path):
    whole, checkpoint = dict(pipe.vae.state_dict()), resolve(str(model))
    file = write(
        {name: value for name, value in whole.items() if name.startswith("decoder.")}, tmp_path / "decoder.safetensors"
    )
    with pytest.raises(InputError, match=r"is a part of a VAE.*: take the whole file"):
        resolve_vae(str(file), checkpoint)
    file = write(
        {name: value for name, value in whole.items() if "conv_norm_out" not in name}, tmp_path / "lacks.safetensors"
    )
    with pytest.raises(InputError, match=r"must be whole, .* lacks (de|en)coder\.conv_norm_out"):
        load(str(model), device="cpu", dtype="float32", vae=str(file))
    file = write({f"vae.{name}": value for name, value in whole.items()}, tmp_path / "prefixed.safetensors")
    assert load(str(model), device="cpu", dtype="float32", vae=str(file)).shape == (4, 16, 16)


def trained(pipe: Any) -> Any:
    """A ControlNet whose last layers are not zero."""
    torch.manual_seed(5)
    net: Any = diffusers.ControlNetModel.from_unet(pipe.unet)
    for layer in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
        torch.nn.init.normal_(layer.weight, std=0.1)
    return net


@pytest.mark.parametrize("layout", slow_ones(["control_model.", "", "diffusers"], ["", "diffusers"]))
def test_a_controlnet_s_file(layout, pipe, model, tmp_path):
    net = trained(pipe)
    tensors = dict(net.state_dict()) if layout == "diffusers" else under(layout, controlnet(net))
    file = write(tensors, tmp_path / "control.safetensors")
    ours = load_controlnet(str(file), model=str(model), device="cpu", dtype="float32")
    read, written = ours.net.state_dict(), net.state_dict()
    assert read.keys() == written.keys() and all(torch.equal(read[key], value) for key, value in written.items())
    x, words, shown = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 32), torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        wanted, found = (one(x, 500, words, shown, return_dict=False) for one in (net, ours.net))
    torch.testing.assert_close(found[0], wanted[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1], wanted[1], rtol=0, atol=1e-5)


def test_a_controlnet_of_other_words_is_refused(model, tmp_path):
    other = diffusers.ControlNetModel.from_unet(tiny_pipeline("sd2").unet)
    file = write(controlnet(other), tmp_path / "control.safetensors")
    with pytest.raises(InputError) as e:
        resolve_controlnet(str(file), resolve(str(model)))
    assert e.value.rule == "controlnet-fit"


def test_a_kind_of_map_is_told_to_unions_alone_and_one_of_theirs(pipe, model, tmp_path):
    checkpoint = resolve(str(model))
    diffusers.ControlNetModel.from_unet(pipe.unet).save_pretrained(tmp_path / "plain")
    diffusers.T2IAdapter(channels=[8, 16, 16], adapter_type="full_adapter").save_pretrained(tmp_path / "adapter")
    for name, rule in [("plain:canny", "union-kind"), ("adapter", "controlnet-fit")]:
        with pytest.raises(InputError) as e:
            resolve_controlnet(str(tmp_path / name), checkpoint)
        assert e.value.rule == rule
    assert union_kind("xinsir/union:tile", "map", {"num_control_type": 8}) == 6
    assert union_kind("C:\\union", "canny", {}) == 3
    for name, condition in [("union", "map"), ("union:tile", "map"), ("union", None)]:
        with pytest.raises(InputError, match=r"openpose, depth, scribble, canny, normal, segment$"):
            union_kind(name, condition, {"num_control_type": 6})


def test_a_file_of_the_hub_is_downloaded_by_its_path(monkeypatch, tmp_path):
    """What the hub is asked for; the file that it gives is then read as any."""
    asked, file = [], tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, file)
    monkeypatch.setattr("synoptic.models.file_kinds.download", lambda *what, instead: asked.append(what) or file)
    assert weight_file("owner/repo/folder/x.safetensors", "omit it") == file
    assert asked == [("owner/repo", "folder/x.safetensors")]
    assert weight_file("owner/repo", "omit it") is None
    for name in ("owner/x.safetensors", f"{tmp_path}/a/y.safetensors", "tests/models/y.safetensors"):
        with pytest.raises(InputError, match="there is no"):
            weight_file(name, "omit it")
    assert len(asked) == 1


@pytest.mark.parametrize("find", [resolve_vae, resolve_controlnet])
def test_another_file_is_named(find, model, tmp_path):
    file = write({"lora_unet_conv_in.lora_down.weight": torch.zeros(2, 2)}, tmp_path / "lora.safetensors")
    with pytest.raises(InputError, match="a LoRA") as e:
        find(str(file), resolve(str(model)))
    assert e.value.rule == "model-file-kind"

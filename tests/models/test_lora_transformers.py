"""LoRAs of flow transformers against diffusers' own loading, and those whose names are none of a model's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import synoptic
from synoptic.errors import InputError
from synoptic.models.load import load
from tests.quick import slow_ones
from tests.test_parity_flow import GUIDANCE, PROMPTS, SEED, STEPS, baseline, check, last, noise, theirs

PREFIX = {"peft": "transformer", "comfy": "diffusion_model"}


def file_of(net: torch.nn.Module, path: Path, prefix: str = "transformer") -> Path:
    """Save a random change of every linear layer of attention."""
    rng, tensors = torch.Generator().manual_seed(3), {}
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.Linear) and name.split(".")[-1] in ("to_q", "to_v", "add_k_proj"):
            tensors[f"{prefix}.{name}.lora_A.weight"] = torch.randn(4, module.in_features, generator=rng)
            tensors[f"{prefix}.{name}.lora_B.weight"] = 0.3 * torch.randn(module.out_features, 4, generator=rng)
    assert len(tensors) > 4
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("name", slow_ones(["sd3", "flux-dev", "z-image"], ["flux-dev", "z-image"]))
def test_a_lora_changes_a_transformer_as_diffusers_does(name, flow_folder, flow_model, tmp_path):
    pipe, plain = baseline(name, flow_folder(name)), flow_model(name)
    file = file_of(pipe.transformer, tmp_path / "a.safetensors")
    model = load(str(flow_folder(name)), device="cpu", dtype="float32", lora=[f"{file}:0.7"])
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="a")
    pipe.set_adapters(["a"], [0.7])
    x, side, how = noise(model), model.checkpoint.native_size, GUIDANCE[name][0]
    latents = pipe._pack_latents(x, len(x), *x.shape[1:]) if name.startswith("flux") else x
    asked: dict[str, Any] = {"steps": STEPS, "seed": SEED, "upscalers": "none", **how}
    ours = last(synoptic.generate.steps(model, PROMPTS, **asked))
    check(ours, theirs(pipe, name, side, latents=latents, height=side, width=side, **how))
    assert (ours - last(synoptic.generate.steps(plain, PROMPTS, **asked))).abs().max() > 0.01


def test_comfyuis_names_mean_the_transformer(flow_folder, flow_model, tmp_path):
    net = flow_model("z-image").network
    models = [
        load(str(flow_folder("z-image")), device="cpu", dtype="float32", lora=[str(file_of(net, tmp_path / kind, prefix))])
        for kind, prefix in PREFIX.items()
    ]
    one, other = (model.network.state_dict() for model in models)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not torch.equal(one["layers.0.attention.to_q.weight"], net.state_dict()["layers.0.attention.to_q.weight"])


KOHYA = "lora_unet_{}.lora_down.weight", "lora_unet_{}.lora_up.weight", "lora_unet_{}.alpha"
DOUBLE = ("img_attn_qkv", 96), ("txt_attn_qkv", 96), ("img_attn_proj", 32), ("txt_mlp_0", 128), ("img_mod_lin", 192)


def kohya(path: Path, layers: dict[str, tuple[int, int]]) -> dict[str, torch.Tensor]:
    """Save changes of layers (in, out), rank 4, alpha 2, in the names of kohya's scripts; return what is added of each."""
    rng, tensors, added = torch.Generator().manual_seed(5), {}, {}
    for name, (width, out) in layers.items():
        down, up = torch.randn(4, width, generator=rng), 0.3 * torch.randn(out, 4, generator=rng)
        tensors |= dict(zip((key.format(name) for key in KOHYA), (down, up, torch.tensor(2.0)), strict=True))
        added[name] = 0.5 * up @ down
    save_file(tensors, path)
    return added


def test_kohyas_layers_of_fluxs_double_blocks_are_diffusers(flow_folder, flow_model, tmp_path):
    pipe, file = baseline("flux-dev", flow_folder("flux-dev")), tmp_path / "kohya.safetensors"
    kohya(file, {f"double_blocks_0_{name}": (32, out) for name, out in DOUBLE})
    model = load(str(flow_folder("flux-dev")), device="cpu", dtype="float32", lora=[f"{file}:0.7"])
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="a")
    pipe.set_adapters(["a"], [0.7])
    pipe.fuse_lora()
    pipe.unload_lora_weights()
    ours, others, plain = (net.state_dict() for net in (model.network, pipe.transformer, flow_model("flux-dev").network))
    changed = [key for key in ours if not torch.equal(ours[key], plain[key])]
    assert len(changed) == 9
    for key in ours:
        torch.testing.assert_close(ours[key], others[key], rtol=0, atol=1e-5)


def test_kohyas_first_layer_of_fluxs_single_blocks_is_four_of_diffusers(flow_folder, flow_model, tmp_path):
    """Whose sizes diffusers' own conversion takes for those of the released network: W + B A, cut as the first code does."""
    file, plain = tmp_path / "kohya.safetensors", flow_model("flux-dev").network.state_dict()
    added = kohya(file, {"single_blocks_1_linear1": (32, 7 * 32), "single_blocks_1_linear2": (160, 32)})
    model = load(str(flow_folder("flux-dev")), device="cpu", dtype="float32", lora=[f"{file}:0.7"])
    ours, block = model.network.state_dict(), "single_transformer_blocks.1"
    parts = added["single_blocks_1_linear1"].split([32, 32, 32, 128])
    for name, part in zip(("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), parts, strict=True):
        key = f"{block}.{name}.weight"
        torch.testing.assert_close(ours[key], plain[key] + 0.7 * part)
    last_layer = f"{block}.proj_out.weight"
    torch.testing.assert_close(ours[last_layer], plain[last_layer] + 0.7 * added["single_blocks_1_linear2"])


def test_names_of_other_code_are_refused_with_their_count(flow_folder, tmp_path):
    tensors = {f"lora_unet_double_blocks_0_img_attn_other.lora_{k}.weight": torch.zeros(4, 4) for k in ("down", "up")}
    save_file(tensors, tmp_path / "kohya.safetensors")
    with pytest.raises(InputError) as e:
        load(str(flow_folder("flux-dev")), lora=[str(tmp_path / "kohya.safetensors")])
    assert e.value.rule == "lora-fit" and "1 of the 1 layers" in str(e.value)

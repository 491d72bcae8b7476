"""ControlNets of Stable Diffusion 3 and FLUX.1 against diffusers' pipelines, and what is none for a model refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import synoptic
from synoptic.controlnet.maps import control_maps
from synoptic.errors import InputError
from synoptic.models.registry import resolve, resolve_controlnet
from synoptic.pipelines import control_guidance
from tests.quick import quick_ones
from tests.test_parity_flow import SEED, STEPS, check, diffusers, last

NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "sd3": ("SD3ControlNetModel", {"force_zeros_for_pooled_projection": False}),
    "sd3-zeros": ("SD3ControlNetModel", {"force_zeros_for_pooled_projection": True}),
    "flux-dev": ("FluxControlNetModel", {"guidance_embeds": True}),
    "flux-dev-union": ("FluxControlNetModel", {"guidance_embeds": False, "num_mode": 3}),
}
SHAPES: dict[str, dict[str, Any]] = {
    "sd3": {"joint_attention_dim": 96, "caption_projection_dim": 32, "pooled_projection_dim": 80, "sample_size": 16}
    | {"pos_embed_max_size": 32, "num_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2},
    "flux": {"joint_attention_dim": 32, "pooled_projection_dim": 32, "axes_dims_rope": [4, 6, 6], "in_channels": 64}
    | {"num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16, "num_attention_heads": 2},
}
PIPELINES = {"sd3": "StableDiffusion3ControlNetPipeline", "flux": "FluxControlNetPipeline"}


def save_net(name: str, folder: Path) -> Path:
    """Save a random ControlNet, whose last layers are not 0 as in the first step of its training."""
    kind, how = NETS[name]
    torch.manual_seed(7)
    net = getattr(diffusers, kind)(**SHAPES[name.split("-")[0]], **how)
    for p in net.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.2)
    net.save_pretrained(folder / name)
    return folder / name


@pytest.mark.parametrize("name", quick_ones(NETS, ["sd3", "flux-dev-union"]))
def test_control_equals_the_familys_pipeline(name, flow_folder, flow_model, tmp_path, blobs):
    base = "sd3" if name.startswith("sd3") else "flux-dev"
    family, net_folder = base.split("-")[0], save_net(name, tmp_path)
    model, picture = flow_model(base), blobs[0].resize((128, 128))
    net = getattr(diffusers, NETS[name][0]).from_pretrained(net_folder)
    pipe = getattr(diffusers, PIPELINES[family]).from_pretrained(flow_folder(base), controlnet=net)
    pipe.set_progress_bar_config(disable=True)
    with torch.no_grad():  # whose encoder draws: without a spread it gives the mode, as ours does
        pipe.vae.encoder.conv_out.weight[16:] = 0
        pipe.vae.encoder.conv_out.bias[16:] = -60
    asked: dict[str, Any] = {"condition": "canny", "controlnet": str(net_folder), "steps": STEPS, "seed": SEED}
    found = last(synoptic.control.steps(model, picture, "a lion", guidance_scale=3.5, **asked))
    shown = 2 * control_maps(picture, ["canny"], None)["canny"] - 1
    x = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(SEED))
    how: dict[str, Any] = {"guidance_scale": 3.5, "num_inference_steps": STEPS, "height": 128, "width": 128}
    if family == "sd3":
        how |= {"control_image": shown, "latents": x, "max_sequence_length": 256}
    else:
        how |= {"control_image": shown, "latents": pipe._pack_latents(x, *x.shape), "max_sequence_length": 512}
        how |= {"control_mode": 0} if "union" in name else {}
    other = pipe(prompt="a lion", output_type="latent", **how).images
    if family == "flux":
        other = pipe._unpack_latents(other, 128, 128, pipe.vae_scale_factor)
    check(found, other)
    plain = last(synoptic.generate.steps(model, "a lion", guidance_scale=3.5, steps=STEPS, seed=SEED, upscalers="none"))
    assert (plain - found).abs().max() > 0.01


def test_a_wide_picture_follows_a_map_in_its_windows(flow_model, tmp_path, blobs):
    """Off, it is the picture without; on, a map encoded for every window."""
    model, folder = flow_model("sd3"), save_net("sd3", tmp_path)
    how: dict[str, Any] = {"width": 192, "steps": 2, "seed": 1}
    controlled = {"control": blobs[0].resize((192, 128)), "condition": "canny", "controlnet": str(folder)}
    plain = last(synoptic.wide.steps(model, "a lake", **how))
    assert (last(synoptic.wide.steps(model, "a lake", **how, **controlled)) - plain).abs().max() > 0.01


@pytest.mark.parametrize(
    ("base", "name", "kind", "rule"),
    [
        ("flux-dev", "sd3", "canny", "controlnet-class"),
        ("sd3", "flux-dev", "canny", "controlnet-class"),
        ("flux-dev", "flux-dev-union", "scribble", "controlnet-union"),
        ("z-image", "sd3", "canny", "controlnet-family"),
    ],
)
def test_a_controlnet_of_another_model_is_refused(base, name, kind, rule, flow_folder, tmp_path):
    with pytest.raises(InputError) as error:
        resolve_controlnet(str(save_net(name, tmp_path)), resolve(str(flow_folder(base))), kind)
    assert error.value.rule == rule


@pytest.mark.parametrize("name", ["flux-dev-union", "sd3"])
def test_a_network_for_two_maps_is_loaded_once(name, flow_model, tmp_path, blobs, monkeypatch):
    first, count = save_net(name, tmp_path), []
    copy = shutil.copytree(first, tmp_path / "copy")
    load = control_guidance.load_transformer_controlnet
    monkeypatch.setattr(control_guidance, "load_transformer_controlnet", lambda *how: count.append(how) or load(*how))
    picture, base = blobs[0].resize((128, 128)), "sd3" if name == "sd3" else "flux-dev"
    asked: dict[str, Any] = {"condition": ("canny", "depth"), "depth": picture.convert("L"), "steps": 2, "seed": SEED}
    once, twice = (
        last(synoptic.control.steps(flow_model(base), picture, "a lion", controlnet=(str(first), str(second)), **asked))
        for second in (first, copy)
    )
    assert len(count) == 3 and torch.equal(once, twice)

"""What training in legs is made of: mixtures with what was before, and rounded weights."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bundled_training.train import legs
from bundled_training.train.contrastive import contrast, ruined
from bundled_training.train.legs import rounded_mantissa
from synoptic.models.checkpoint import BUNDLED_DIR

KINDS = "canny", "scribble", "depth", "normal"
diffusers: Any = importlib.import_module("diffusers")


def test_ruined_pictures_are_nobodys():
    x = torch.rand(4, 3, 48, 48)
    assert ruined(x).shape == x.shape and (ruined(x) - x).abs().mean() > 0.05
    text = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    same, scale = torch.eye(4), torch.tensor(10.0)
    alone, rivals = contrast(text, text, scale, same), contrast(text, torch.cat([text, text[:2]]), scale, same)
    assert rivals > alone  # a ruined picture that looks as good as the whole one costs


def test_a_mixture_lies_between_what_was_and_what_was_learned(tmp_path):
    small = {"sample_size": 8, "layers_per_block": 1, "cross_attention_dim": 8, "norm_num_groups": 4}
    blocks = {"block_out_channels": (8,), "down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    nets = [diffusers.UNet2DConditionModel(**small, **blocks, attention_head_dim=4) for _ in range(2)]
    for net, name in zip(nets, ("before", "after"), strict=True):
        net.save_pretrained(tmp_path / name)
    legs.mixed(tmp_path / "before", tmp_path / "after", 0.75)
    found = diffusers.UNet2DConditionModel.from_pretrained(tmp_path / "after").state_dict()
    before, after = (net.state_dict() for net in nets)
    for name, weight in found.items():
        torch.testing.assert_close(weight.float(), 0.25 * before[name] + 0.75 * after[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("bits", [6, 8])
def test_rounded_weights_have_so_many_bits_of_mantissa(bits):
    x = (10 * torch.randn(1000, generator=torch.Generator().manual_seed(0))).half()
    y = rounded_mantissa(x, bits)
    assert ((y.double() - x.double()).abs() <= x.double().abs() * 2 ** -(bits + 1)).all() and not torch.equal(x, y)
    mantissa, _ = torch.frexp(y.double())
    assert torch.equal(mantissa * 2 ** (bits + 1), (mantissa * 2 ** (bits + 1)).round())


@pytest.mark.parametrize(("folder", "bits"), [("sd/unet", 8), *((f"control-{kind}", 6) for kind in KINDS)])
def test_shipped_weights_are_rounded(folder, bits):
    weights = load_file(BUNDLED_DIR / folder / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(part, rounded_mantissa(part, bits)) for part in weights.values())

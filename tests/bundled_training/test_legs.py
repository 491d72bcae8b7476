"""The training in legs: each starts from small files of the one before; what is shipped is rounded."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bundled_training import tokenizers
from bundled_training.train import legs
from bundled_training.train.contrastive import contrast, ruined
from bundled_training.train.legs import rounded_mantissa
from synoptic.models.checkpoint import BUNDLED_DIR
from tests.bundled_training.test_train import run

KINDS = "canny", "scribble", "depth", "normal"
diffusers: Any = importlib.import_module("diffusers")


def test_ruined_pictures_are_nobodys():
    x = torch.rand(4, 3, 48, 48)
    assert ruined(x).shape == x.shape and (ruined(x) - x).abs().mean() > 0.05
    text = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    same, scale = torch.eye(4), torch.tensor(10.0)
    alone, rivals = contrast(text, text, scale, same), contrast(text, torch.cat([text, text[:2]]), scale, same)
    assert rivals > alone  # a ruined picture that looks as good as the whole one costs


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_leg_starts_from_the_shards_of_the_one_before(tmp_path):
    tokenizers.write(tmp_path / "tokenizers", 3000)
    run(tmp_path, "contrastive conditioner")
    run(tmp_path, "vae")
    legs.tower(tmp_path / "conditioner", tmp_path)
    (tmp_path / "conditioner").rename(tmp_path / "both")
    run(tmp_path, "sd", "--shards", str(tmp_path / "one"))
    files = list((tmp_path / "one").iterdir())
    assert len(files) <= 8 and all(file.stat().st_size <= 16e6 for file in files)
    (tmp_path / "checkpoints" / "sd.safetensors").unlink()
    run(tmp_path, "sd", "--init", str(tmp_path / "one"), "--shards", str(tmp_path / "two"), "--end", "0.5")
    legs.whole(tmp_path, tmp_path / "two", tmp_path / "sd")
    pipe = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "sd")
    pipe.set_progress_bar_config(disable=True)
    assert pipe("a photo of a dog", num_inference_steps=2, output_type="pt").images.shape == (1, 3, 256, 256)


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

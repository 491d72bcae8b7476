"""Another VAE in place of a model's own: as diffusers' pipeline with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import diffusers as library
import pytest
import torch

import synoptic
from synoptic import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.options import options_class
from synoptic.runs.plan import make_plan
from tests.tiny import tiny_vae

diffusers: Any = library
SD = BUNDLED_DIR / "sd"


@pytest.fixture
def other(tmp_path) -> Path:
    torch.manual_seed(7)
    tiny_vae().save_pretrained(tmp_path / "vae")
    return tmp_path / "vae"


def test_pictures_are_coded_by_the_other_one(tiny_sd, other):
    model = load(str(tiny_sd), device="cpu", dtype="float32", vae=str(other))
    theirs = diffusers.AutoencoderKL.from_pretrained(other)
    z = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        decoded = theirs.decode(z / theirs.config.scaling_factor).sample
        torch.testing.assert_close(model.decode(z), decoded, rtol=0, atol=1e-5)
        mean = theirs.encode(decoded).latent_dist.mean * theirs.config.scaling_factor
        torch.testing.assert_close(model.encode(decoded), mean, rtol=0, atol=1e-5)
        assert (load(str(tiny_sd), device="cpu", dtype="float32").decode(z) - decoded).abs().max() > 0.1


@pytest.mark.slow
def test_a_models_own_folder_changes_no_bit_and_is_recorded(tmp_path):
    how: dict[str, Any] = {"model": "bundled", "steps": 1, "upscalers": "none", "device": "cpu", "dtype": "float32"}
    plain = synoptic.run("generate", "a cat", out=str(tmp_path / "plain"), **how)
    same = synoptic.run("generate", "a cat", out=str(tmp_path / "same"), vae=str(SD / "vae"), **how)
    assert plain.images[0].tobytes() == same.images[0].tobytes()
    assert "vae" not in plain.model and str(SD / "vae") in same.model["vae"] and "sha256:" in same.model["vae"]
    assert f"--vae={SD / 'vae'}" in same.options.command()
    assert make_plan(cast(Any, plain.options)).weights == make_plan(cast(Any, same.options)).weights


REFUSED: dict[str, Any] = {
    "vae-fit": lambda vae, t: ("bundled", str(vae)),
    "vae-class": lambda vae, t: ("bundled", str(SD / "unet")),
    "vae-latents": lambda vae, t: ("bundled-if", str(SD / "vae")),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_does_not_fit_is_refused_before_weights_load(rule, other, tmp_path):
    model, vae = REFUSED[rule](other, tmp_path)
    with pytest.raises(InputError) as e:
        options_class("generate").from_arguments("a cat", model=model, vae=vae).prepare()
    assert e.value.rule == rule


def test_a_pickle_is_no_vae(other):
    (other / "diffusion_pytorch_model.safetensors").rename(other / "diffusion_pytorch_model.bin")
    with pytest.raises(InputError) as e:
        options_class("generate").from_arguments("a cat", model="bundled", vae=str(other)).prepare()
    assert e.value.rule in ("weights-pickle", "vae-fit")

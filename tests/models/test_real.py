"""Directories as people have them: read with what they say, or refused before weights load, with the cure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from synoptic.errors import InputError
from synoptic.models.load import load
from synoptic.models.registry import BUNDLED_DIR, resolve

Change = Callable[[Path], None]


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy of the bundled latent model."""
    return Path(shutil.copytree(BUNDLED_DIR / "sd", tmp_path / "model"))


def edit(model: Path, file: str, **changes: Any) -> None:
    """Set keys of a JSON file."""
    (model / file).write_text(json.dumps(json.loads((model / file).read_text()) | changes))


def refusal(model: str | Path) -> InputError:
    """The error of a model that is refused before its weights are loaded."""
    with pytest.raises(InputError) as e:
        resolve(str(model))
    assert "\n" not in str(e.value)
    return e.value


@pytest.mark.parametrize("kind", ["EDMDPMSolverMultistepScheduler", "EDMEulerScheduler", "EvilScheduler", 7])
@pytest.mark.parametrize("where", ["config", "index"])
def test_an_unknown_scheduler_is_refused_at_the_door(model, kind, where):
    if where == "config":
        edit(model, "scheduler/scheduler_config.json", _class_name=kind)
    else:
        edit(model, "model_index.json", scheduler=["diffusers", kind])
    assert refusal(model).rule == "scheduler-unknown"


def test_a_vae_s_statistics_are_applied(model):
    """As StableDiffusionXLPipeline does: z std / scaling_factor + mean is decoded (Playground 2.5's VAE has them)."""
    mean, std = [0.3, -1.2, 0.7, 2.0], [8.4, 0.7, 5.1, 1.3]
    edit(model, "vae/config.json", latents_mean=mean, latents_std=std)
    ours = load(str(model), device="cpu", dtype="float32")
    vae: Any = AutoencoderKL.from_pretrained(BUNDLED_DIR / "sd", subfolder="vae")
    z = torch.randn(2, *ours.shape, generator=torch.Generator().manual_seed(0))
    m, s = (torch.tensor(values).view(1, 4, 1, 1) for values in (mean, std))
    with torch.no_grad():
        want = vae.decode(z * s / vae.config.scaling_factor + m).sample
        assert torch.allclose(ours.decode(z), want, atol=1e-4)
        picture = want.clamp(-1, 1)
        latents = (vae.encode(picture).latent_dist.mode() - m) * vae.config.scaling_factor / s
        assert torch.allclose(ours.encode(picture), latents, atol=1e-4)


@pytest.mark.parametrize("values", [[1.0], [0.0, 1.0, 1.0, 1.0], "x", [1, 2, 3, float("nan")]], ids=str)
def test_a_vae_s_statistics_are_numbers_per_channel(model, values):
    edit(model, "vae/config.json", latents_mean=[0.0] * 4, latents_std=values)
    assert refusal(model).rule == "config-value"

"""Inversion: the noise, and the picture back."""

from __future__ import annotations

from typing import Any

import pytest
from safetensors.torch import load_file

import synoptic
from synoptic import io

HORSE = "a photo of a horse"


@pytest.mark.slow
def test_invert_gives_the_noise_and_the_picture_back(sd32, tmp_path):
    (horse,) = synoptic.generate(sd32, HORSE, steps=10, guidance_scale=5.0).images
    how: dict[str, Any] = {"steps": 12, "dtype": "float32", "out": str(tmp_path)}
    run = synoptic.run("invert", horse, HORSE, **how)
    figures = run.pictures[0].figures
    assert figures["psnr_autoencoder"] > 30 and figures["psnr"] > 28 and 0.7 < figures["noise_std"] < 1.2
    assert load_file(tmp_path / "noise.safetensors")["noise"].shape == (1, 8, 32, 32)
    assert io.load_image(tmp_path / "figure.png").width == 4 * (256 + 8) + 8
    assert f"{figures['psnr']:.3f}" in str(run) and run.pictures[0].score is None
    again = synoptic.run("invert", horse, HORSE, **how)
    assert "sample" not in again.timings and again.pictures == run.pictures
    once = synoptic.invert(sd32, horse, HORSE, refine=0, steps=12).outputs[0]
    assert once.figures["psnr_autoencoder"] < figures["psnr_autoencoder"]

"""The noise laboratory: learned denoisers above classical ones, at every time."""

from __future__ import annotations

from typing import Any

import pytest

import synoptic
from synoptic import io
from tests.drawings import drawing
from tests.quick import slow_ones

HORSE = "a photo of a horse"


@pytest.mark.slow
def test_the_noise_laboratory_on_a_pixel_model(pixel32, tmp_path):
    (horse,) = synoptic.generate(pixel32, HORSE, steps=12, upscalers="none").images
    how: dict[str, Any] = {"t": (200, 600), "stride": 100, "dtype": "float32", "out": str(tmp_path)}
    run = synoptic.run("denoise", horse, HORSE, **how)
    for picture in run.pictures:
        psnr = {name.split(" sigma")[0]: value for name, value in picture.figures.items()}
        assert psnr["onestep"] > psnr["best blur"] >= psnr["blur 5"] > psnr["noisy"] and "iterative" in psnr
    head, *rows, file = str(run).splitlines()
    assert head == "t\tmethod\tPSNR" and len(rows) == 10 and rows[0].startswith("200\tnoisy\t")
    assert (tmp_path / "denoise.tsv").read_text().splitlines() == [head, *rows]
    assert file == str(tmp_path / "denoise.png") and io.load_image(tmp_path / "denoise.png").width == 6 * (192 + 8) + 8
    names = {path.name for path in tmp_path.glob("t200_*.png")}
    assert {"t200_noisy.png", "t200_blur_5_sigma_2.png", "t200_onestep.png", "t200_iterative.png"} < names
    again = synoptic.run("denoise", horse, HORSE, **how)
    assert str(again) == str(run) and "sample" not in again.timings


@pytest.mark.parametrize("method", slow_ones(["onestep", "iterative"], ["onestep"]))
def test_the_noise_laboratory_on_a_latent_model_with_one_method(method, sd32):
    how: dict[str, Any] = {"t": 300, "method": method} | (
        {"stride": 150, "sampler": "ddim"} if method == "iterative" else {}
    )
    result = synoptic.denoise(sd32, drawing(128, 128), **how)
    assert list(result.outputs[0].figures) == ["noisy", method]
    assert len(list(synoptic.denoise.steps(sd32, drawing(128, 128), **how))) == (3 if method == "iterative" else 0)

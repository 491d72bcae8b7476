import math

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPModel

from synoptic.errors import InputError
from synoptic.metrics.fidelity import perceptual_distance, psnr, ssim
from synoptic.models.checkpoint import BUNDLED_DIR


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    x = np.asarray(image).astype(np.float64) + np.random.default_rng(0).normal(0, sigma, (*image.size[::-1], 3))
    return Image.fromarray(x.clip(0, 255).round().astype(np.uint8))


def ssim_by_hand(a: Image.Image, b: Image.Image) -> float:
    """The definition, window by window."""
    x, y = (np.asarray(image).astype(np.float64) @ np.array([0.299, 0.587, 0.114]) for image in (a, b))
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    found = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            p, q = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            both = (window * (p - mp) * (q - mq)).sum()
            found.append((2 * mp * mq + 6.5025) * (2 * both + 58.5225) / ((mp**2 + mq**2 + 6.5025) * (vp + vq + 58.5225)))
    return float(np.mean(found))


def test_psnr_equals_its_definition(blobs):
    a, b = (np.asarray(blob).astype(np.float64) for blob in blobs[:2])
    assert psnr(*blobs[:2]) == pytest.approx(20 * math.log10(255 / math.sqrt(((a - b) ** 2).mean())))
    black, white = (Image.new("RGB", (16, 16), color) for color in ("black", "white"))
    assert psnr(black, white) == pytest.approx(0) and psnr(black, Image.new("RGB", (16, 16), (1, 1, 1))) == pytest.approx(
        20 * math.log10(255)
    )


@pytest.mark.parametrize("sigma", [5, 40])
def test_ssim_equals_its_definition(blobs, sigma):
    a = blobs[0].crop((0, 0, 40, 30))
    b = noisy(a, sigma)
    assert ssim(a, b) == pytest.approx(ssim_by_hand(a, b), abs=1e-9)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)


def test_ssim_equals_scikit_images(blobs):
    metrics = pytest.importorskip("skimage.metrics")
    x, y = (np.asarray(blob).astype(np.float64) @ np.array([0.299, 0.587, 0.114]) for blob in blobs[:2])
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert ssim(*blobs[:2]) == pytest.approx(metrics.structural_similarity(x, y, **how), abs=1e-9)


def test_identity_equals_its_definition_on_the_models_own_hidden_states(clip_model, blobs):
    model = CLIPModel.from_pretrained(BUNDLED_DIR / "clip", dtype=torch.float32).vision_model
    with torch.no_grad():
        states = model(
            torch.cat([clip_model.preprocess(blob) for blob in blobs[:2]]), output_hidden_states=True
        ).hidden_states
    expected = 0.0
    for layer in states[1:]:
        a, b = (x[1:] / np.linalg.norm(x[1:], axis=-1, keepdims=True) for x in layer.double().numpy())
        expected += ((a - b) ** 2).sum(-1).mean()
    assert len(states) == 7 and perceptual_distance(clip_model, *blobs[:2]) == pytest.approx(expected, rel=1e-4)


def test_equal_pictures_are_equal(clip_model, blobs):
    assert psnr(blobs[0], blobs[0]) == math.inf
    assert ssim(blobs[0], blobs[0]) == pytest.approx(1, abs=1e-12)
    assert perceptual_distance(clip_model, blobs[0], blobs[0]) == pytest.approx(0, abs=1e-9)


def test_more_noise_is_farther_on_every_scale(clip_model, blobs):
    levels = [noisy(blobs[0], sigma) for sigma in (4, 16, 64)]
    for measure, sign in ((psnr, -1), (ssim, -1), (lambda a, b: perceptual_distance(clip_model, a, b), 1)):
        distances = [sign * measure(level, blobs[0]) for level in levels]
        assert distances == sorted(distances) and distances[0] < distances[-1]


def test_identity_of_a_wide_picture_sees_all_of_it(clip_model, blobs):
    one, other = Image.new("RGB", (192, 64)), Image.new("RGB", (192, 64))
    other.paste(blobs[0], (128, 0))
    square = perceptual_distance(clip_model, other.crop((128, 0, 192, 64)), Image.new("RGB", (64, 64)))
    assert perceptual_distance(clip_model, one, other) == pytest.approx(square / 3, rel=1e-5)


def test_unlike_sizes_and_tiny_pictures_are_refused(clip_model):
    small, tiny = Image.new("RGB", (32, 16)), Image.new("RGB", (32, 10))
    for measure in (psnr, ssim, lambda a, b: perceptual_distance(clip_model, a, b)):
        with pytest.raises(InputError, match=r"one size, 32×16 and 32×10.*: resize"):
            measure(small, tiny)
    with pytest.raises(InputError, match="at least 11×11, 32×10"):
        ssim(tiny, tiny)

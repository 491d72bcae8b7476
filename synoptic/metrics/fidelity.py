"""Fidelity: how much of a picture did an edit keep? By pixels (PSNR, SSIM) and in CLIP's patch features."""

from __future__ import annotations

import math

import torch
from PIL import Image
from torch import Tensor

from synoptic.errors import InputError
from synoptic.io import from_pil
from synoptic.metrics.clip import Clip, square_crops

WINDOW, SIGMA = 11, 1.5


def psnr(image: Image.Image, reference: Image.Image) -> float:
    """Return 10 log10(255² / mean squared error over pixels and channels), dB; inf for equal ones.

    Raises InputError on unequal sizes.
    """
    check_same_size(image, reference)
    error = (to_8bit(image) - to_8bit(reference)).square().mean().item()
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(image: Image.Image, reference: Image.Image) -> float:
    """Return the mean structural similarity of luminance (Rec. 601), in [-1, 1], equals 1 (Wang et al. 2004, equation 13).

    A Gaussian window of 11×11, σ = 1.5, wherever it fits whole; K1 = 0.01, K2 = 0.03, L = 255; no downsampling before it.
    Raises InputError on unequal sizes and on pictures smaller than the window.
    """
    check_same_size(image, reference)
    if min(image.size) < WINDOW:
        raise InputError(
            f"SSIM needs pictures of at least {WINDOW}×{WINDOW}, {image.width}×{image.height} was given: enlarge it",
            rule="ssim-size",
        )
    x, y = (luminance(picture) for picture in (image, reference))
    mx, my, xx, yy, xy = gaussian_mean(torch.cat([x, y, x * x, y * y, x * y])).unbind()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    vx, vy, covariance = xx - mx * mx, yy - my * my, xy - mx * my
    similar = (2 * mx * my + c1) * (2 * covariance + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return similar.mean().item()


def perceptual_distance(clip_model: Clip, image: Image.Image, reference: Image.Image) -> float:
    """Return LPIPS (Zhang et al. 2018, equation 1, w = 1) in CLIP's own features: 0 for equal pictures.

    The sum over its transformer blocks of the squared difference of patch features, each of unit length, averaged over the
    patches. A picture that is not square is the mean over the squares that cover it. CLIP is not trained on human
    judgments as LPIPS is: distances compare within one CLIP only. InputError on unequal sizes.
    """
    check_same_size(image, reference)
    a, b = square_crops(image), square_crops(reference)
    layers = clip_model.patch_features([*a, *b]).double()  # (2 N, layers, patches, features)
    return (layers[: len(a)] - layers[len(a) :]).square().sum(-1).mean(2).sum(1).mean().item()


def check_same_size(image: Image.Image, reference: Image.Image) -> None:
    if image.size != reference.size:
        (w, h), (v, g) = image.size, reference.size
        raise InputError(
            f"fidelity compares pictures of one size, {w}×{h} and {v}×{g} were given: resize one of them",
            rule="fidelity-sizes",
        )


def to_8bit(image: Image.Image) -> Tensor:
    """Map one picture to (1, 3, H, W) in [0, 255], float64."""
    return ((from_pil(image).double() + 1) * 127.5).round()


def luminance(image: Image.Image) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)
    return (to_8bit(image) * weights).sum(1, keepdim=True)


def gaussian_mean(x: Tensor) -> Tensor:
    """Return the Gaussian mean of (N, 1, H, W) where the window fits whole: (N, 1, H - 10, W - 10), one axis at a time."""
    at = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    row = torch.softmax(-(at**2) / (2 * SIGMA**2), 0).view(1, 1, 1, WINDOW)
    return torch.nn.functional.conv2d(torch.nn.functional.conv2d(x, row), row.mT)

"""Edges, one pixel wide (Canny 1986), by scikit-image."""

from __future__ import annotations

from skimage.color import rgb2gray
from skimage.feature import canny as find
from torch import Tensor

from synoptic.controlnet.annotators.arrays import annotate


def canny(picture: Tensor, sigma: float = 1.0) -> Tensor:
    """Find the edges of pictures (N, 3, H, W) in [-1, 1]: (N, 3, H, W), white (1) on black (0).

    sigma: pixels that the luminance is blurred by before. Thresholds are scikit-image's own, 0.1 and 0.2.
    """
    return annotate(picture, lambda rgb: find(rgb2gray(rgb), sigma))

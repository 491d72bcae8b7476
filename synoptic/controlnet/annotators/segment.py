"""Segments: regions of one look, each in its mean color (Felzenszwalb and Huttenlocher 2004), by scikit-image."""

from __future__ import annotations

import numpy as np
from skimage.color import label2rgb
from skimage.segmentation import felzenszwalb
from torch import Tensor

from synoptic.controlnet.annotators.arrays import annotate

SCALE, SIGMA, SMALLEST = 100.0, 0.8, 64  # how large regions tend to be; blur before; pixels of the smallest one


def segment(picture: Tensor) -> Tensor:
    """Divide pictures (N, 3, H, W) in [-1, 1] into flat regions: (N, 3, H, W) in [0, 1].

    Their colors are the picture's, not those of a set of classes: for nets trained on such maps.
    """

    def flat(rgb: np.ndarray) -> np.ndarray:
        regions = felzenszwalb(rgb, SCALE, SIGMA, SMALLEST)
        return label2rgb(regions, rgb, kind="avg", bg_label=-1)

    return annotate(picture, flat)

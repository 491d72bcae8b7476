"""Scribbles: the coarse outlines of a picture, as if drawn with a thick pen (Zhang et al. 2023, section 4)."""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2gray
from skimage.feature import canny
from skimage.morphology import dilation
from torch import Tensor

from synoptic.controlnet.annotators.arrays import annotate

SIGMA = 3.0  # pixels: what is finer leaves no line
THICKNESS = 3  # pixels


def scribble(picture: Tensor) -> Tensor:
    """Draw the strokes of pictures (N, 3, H, W) in [-1, 1]: (N, 3, H, W), white (1) on black (0)."""
    pen = np.ones((THICKNESS, THICKNESS), dtype=bool)
    return annotate(picture, lambda rgb: dilation(canny(rgb2gray(rgb), SIGMA), pen))

"""Coherence: is a wide picture one scene, or a row of unlike ones?"""

from __future__ import annotations

from PIL import Image
from torch import Tensor

from synoptic.errors import InputError, check_at_least
from synoptic.metrics.clip import Clip


def coherence(clip_model: Clip, image: Image.Image, side: int | None = None) -> float:
    """Return the mean of 1 - cosine over all pairs of the picture's native-size crops, in CLIP's features: 0 is one scene.

    SyncDiffusion's Intra-LPIPS (Lee et al. 2023) with CLIP's features for LPIPS's. `side` is the crops' side in
    pixels (default: the picture's short side). Raises InputError where there are not two crops. Low is coherent; a picture
    that repeats one thing is, too.
    """
    return mean_distance(clip_model.encode_images(disjoint_crops(image, side or min(image.size))))


def disjoint_crops(image: Image.Image, side: int) -> list[Image.Image]:
    """Return as many squares as fit without overlapping, evenly spaced edge to edge, row by
    row. Raises InputError under two.
    """
    check_at_least("side", side, 1)
    lefts, tops = ([round(k * (long - side) / max(1, long // side - 1)) for k in range(long // side)] for long in image.size)
    if len(lefts) * len(tops) < 2:
        w, h = image.size
        raise InputError(
            f"coherence needs two crops of {side} pixels, a picture of {w}×{h} has none: give a wider one",
            rule="coherence-size",
        )
    return [image.crop((left, top, left + side, top + side)) for top in tops for left in lefts]


def mean_distance(features: Tensor) -> float:
    """Return the mean of 1 - cosine over the K (K - 1) / 2 pairs of unit features (K, D): in [0, 2], in any order."""
    x = features.double()
    pairs = x.sum(0).square().sum() - x.square().sum()  # each pair twice
    return (1 - pairs / (len(x) * (len(x) - 1))).item()

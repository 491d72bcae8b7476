"""Saturation: how strong are a picture's colors? High guidance and score distillation drive it up."""

from __future__ import annotations

from PIL import Image

from synoptic.io import from_pil


def saturation(image: Image.Image) -> float:
    """Return the mean S of hexcone HSV (Smith 1978): (max - min) / max of a pixel's R, G and B, 0 where it is black.

    In [0, 1]: 0 is gray. A dark pixel counts as much as a bright one.
    """
    x = (from_pil(image).double() + 1) / 2
    least, most = x.aminmax(dim=1)
    return ((most - least) / most.clamp(min=1e-9)).mean().item()

"""Pictures whose right edge continues at the left one."""

from __future__ import annotations

import torch
from PIL.Image import Image, new
from torch import Tensor

from synoptic.io.tensors import from_pil, to_pil


def wrap_ends(x: Tensor, pad: int) -> Tensor:
    """Return (…, W) with so many columns of its other end beyond each end."""
    return torch.cat([x[..., x.shape[-1] - pad :], x, x[..., :pad]], -1)


def wrap_image(image: Image, beside: int) -> Image:
    """Return the picture with so many columns of its other end beyond each end."""
    wide = new(image.mode, (image.width + 2 * beside, image.height))
    for left in (beside - image.width, beside, beside + image.width):
        wide.paste(image, (left, 0))
    return wide


def close_ends(image: Image, reach: int) -> Image:
    """Return the picture with its first and last columns at their mean, which sinks to no change over `reach` columns."""
    x = from_pil(image)
    ramp = torch.linspace(1, 0, reach + 1, dtype=torch.float32)[:-1]
    away = (x[..., :1] - x[..., -1:]) / 2 * ramp
    x[..., :reach] -= away
    x[..., -reach:] += away.flip(-1)
    return to_pil(x)[0]

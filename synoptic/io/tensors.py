"""Tensors to pictures and back."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from synoptic.errors import NonFiniteError


def to_pil(x: Tensor) -> list[Image.Image]:
    """Return (N, 3, H, W) in [-1, 1], clipped, as N pictures of 8 bits. Raises NonFiniteError."""
    if not torch.isfinite(x).all():
        raise NonFiniteError("the picture holds NaN or infinity: try --dtype float32, or a lower guidance scale")
    x = (x.detach().float().clamp(-1, 1) + 1) * 127.5
    return [Image.fromarray(row.permute(1, 2, 0).round().to(torch.uint8).cpu().numpy()) for row in x]


def from_pil(image: Image.Image) -> Tensor:
    """Map one picture to (1, 3, H, W) in [-1, 1], float32."""
    rgb = image.convert("RGB")
    x = torch.frombuffer(bytearray(rgb.tobytes()), dtype=torch.uint8).view(rgb.height, rgb.width, 3)
    return x.permute(2, 0, 1)[None].float() / 127.5 - 1

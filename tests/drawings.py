"""Pictures that tests begin with, each the same every time."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from synoptic.io import to_pil


def drawing(width: int, height: int) -> Image.Image:
    """Return a pattern with every brightness in it."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x % 256, y % 256, (x * y // 7) % 256], -1).astype(np.uint8))


def white_box(size: tuple[int, int], box: tuple[int, int, int, int], gray: int = 255) -> Image.Image:
    """Return a black mask with a box in it."""
    mask = Image.new("L", size)
    mask.paste(gray, box)
    return mask


def disc(side: int = 256) -> Image.Image:
    """Return a bright disc on a dark ground."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    inside = (x - side // 2).square() + (y - side // 2).square() < (side * 5 // 16) ** 2
    return to_pil(torch.where(inside, 0.8, -0.5).expand(1, 3, -1, -1))[0]


def ramp(side: int = 256) -> Image.Image:
    """Return a depth map that gets nearer to the right."""
    return to_pil(torch.linspace(-1, 1, side).expand(1, 3, side, side))[0]


def hills() -> Image.Image:
    """Return a zigzag line between sky and snow, 640 x 256."""
    y, x = torch.meshgrid(torch.arange(256.0), torch.arange(640.0), indexing="ij")
    return to_pil(torch.where(y > 80 + (x % 160 - 80).abs(), 0.9, -0.6).expand(1, 3, -1, -1))[0]


def mountains_around(height: int = 64) -> Image.Image:
    """Return distances all around, (height, 2 height), 0 in the sky: two peaks in a plain that is six below the eye."""
    y, x = np.mgrid[:height, : 2 * height]
    elevation, azimuth = (0.5 - (y + 0.5) / height) * np.pi, ((x + 0.5) / height - 1) * np.pi
    ground = np.where(elevation < 0, -6 / np.sin(np.minimum(elevation, -1e-6)), 0)
    peak = np.maximum(0, 1 - np.abs(np.abs(azimuth) - 1.2) / 0.6) * 16 - 3
    mountain = np.tan(elevation) * 18 < peak
    met = mountain & ((ground == 0) | (ground > 18 / np.cos(elevation)))
    return Image.fromarray(np.where(met, 18 / np.cos(elevation), ground).astype(np.float32))

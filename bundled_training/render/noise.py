"""The building blocks of every picture: random numbers, value noise, height lines, soft edges.

Everything is a batch of torch tensors, (B, C, H, W) with colors in [0, 1], on whichever device is given, and draws from
torch's global generator. y runs down; lengths and positions are in units of the picture's height.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

Device = str | torch.device


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, device: Device) -> Tensor:
    """Uniform numbers in [low, high)."""
    return torch.rand(*shape, device=device) * (high - low) + low


def each(batch: int, low: float, high: float, device: Device) -> Tensor:
    """One uniform number for each picture, (B, 1, 1, 1)."""
    return uniform(batch, 1, 1, 1, low=low, high=high, device=device)


def tint(colour: list[float], batch: int, device: Device, jitter: float = 0.06) -> Tensor:
    """The color, a little different for each picture, (B, 3, 1, 1)."""
    base = torch.tensor(colour, device=device, dtype=torch.float32).view(1, 3, 1, 1)
    return base + uniform(batch, 3, 1, 1, low=-jitter, high=jitter, device=device)


def mix(a: Tensor, b: Tensor | float, weight: Tensor | float) -> Tensor:
    """a where the weight is 0, b where it is 1."""
    return a + (b - a) * weight


@cache
def _bicubic(n: int, m: int, device: Device) -> Tensor:
    eye = torch.eye(n).view(n, 1, 1, n)
    return F.interpolate(eye, (1, m), mode="bicubic", align_corners=True).view(n, m).T.contiguous().to(device)


def enlarge(x: Tensor, height: int, width: int) -> Tensor:
    """Bicubic enlargement as two matrix products: F.interpolate's kernel loops over the batch, 15 times slower."""
    return _bicubic(x.shape[-2], height, x.device) @ x @ _bicubic(x.shape[-1], width, x.device).T


def fbm(
    batch: int, height: int, width: int, device: Device, *, cells: int = 4, octaves: int = 4, gain=0.5, stretch=1.0
) -> Tensor:
    """Fractal value noise (B, 1, H, W) in [0, 1] around 0.5: first `cells` cells a height, `stretch` times as long in x."""
    total, weight, amplitude = torch.zeros(batch, 1, height, width, device=device), 0.0, 1.0
    for octave in range(octaves):
        n = cells * 2**octave
        if n > height:
            break
        across = max(2, round(n * width / height / stretch) + 1)
        total = total + amplitude * enlarge(torch.rand(batch, 1, n + 1, across, device=device), height, width)
        weight, amplitude = weight + amplitude, amplitude * gain
    return ((total / weight - 0.5) * 1.6 + 0.5).clamp(0, 1)


def ridge(
    batch: int, height: int, width: int, device: Device, mean: Tensor | float, amplitude: Tensor | float,
    *, frequency: float = 1.2, octaves: int = 5, gain: float = 0.5, sharp: bool = True,
) -> Tensor:  # fmt: skip
    """A random skyline (B, 1, 1, W): its y at every x; `frequency` cycles a height, peaks sharp or round."""
    x = torch.arange(width, device=device).view(1, 1, 1, width) / height
    total, weight, a = torch.zeros(batch, 1, 1, width, device=device), 0.0, 1.0
    for octave in range(octaves):
        f = frequency * 2.03**octave * each(batch, 0.8, 1.25, device)
        wave = torch.sin(f * torch.pi * (1 if sharp else 2) * x + each(batch, 0, 2 * torch.pi, device))
        total, weight, a = total + a * (1 - 2 * wave.abs() if sharp else wave), weight + a, a * gain
    return mean - amplitude * total / weight


def rows(height: int, device: Device) -> Tensor:
    """y of every row, (1, 1, H, 1) in (0, 1)."""
    return ((torch.arange(height, device=device) + 0.5) / height).view(1, 1, height, 1)


def columns(height: int, width: int, device: Device) -> Tensor:
    """x of every column in units of the height, (1, 1, 1, W)."""
    return torch.arange(width, device=device).view(1, 1, 1, width) / height


def under(line: Tensor | float, height: int, device: Device) -> Tensor:
    """1 under a skyline, 0 above it, with an edge of one pixel."""
    return ((rows(height, device) - line) * height + 0.5).clamp(0, 1)

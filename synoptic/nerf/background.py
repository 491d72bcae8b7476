"""What is seen where nothing stands in the way. Rows of `uniforms` (B, 4) in [0, 1) are chances: a color's, one more."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from synoptic.nerf.encoding import FrequencyEncoding
from synoptic.nerf.field import mlp


class Background(Protocol):
    """Unit directions (B, N, 3) and chances (B, 4) -> colors (B, N, 3) in [0, 1]."""

    def __call__(self, direction: Tensor, uniforms: Tensor) -> Tensor: ...


class SolidBackground(torch.nn.Module):
    """One color, white where nothing is said."""

    color: Tensor

    def __init__(self, color: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.register_buffer("color", torch.tensor(color, dtype=torch.float32))

    def forward(self, direction: Tensor, uniforms: Tensor) -> Tensor:
        return self.color.expand_as(direction)


class RandomBackground(torch.nn.Module):
    """A color of its own for each picture: nothing can hide in it."""

    def forward(self, direction: Tensor, uniforms: Tensor) -> Tensor:
        return uniforms[:, None, :3].expand_as(direction)


class LearnedBackground(torch.nn.Module):
    """A small network of the direction (DreamFusion); for a `random_fraction` of the pictures, a color drawn instead.

    Each channel of it is in [`darkest`, 1].
    """

    def __init__(
        self,
        random_fraction: float = 0.5,
        hidden: int = 16,
        octaves: int = 3,
        rng: torch.Generator | None = None,
        darkest: float = 0.0,
    ) -> None:
        super().__init__()
        self.random_fraction, self.darkest, self.encoding = random_fraction, darkest, FrequencyEncoding(octaves)
        self.net = mlp([self.encoding.width, hidden, 3], rng)

    def forward(self, direction: Tensor, uniforms: Tensor) -> Tensor:
        own = self.net(self.encoding(direction.flatten(0, 1), self.encoding.levels)).sigmoid().view_as(direction)
        drawn = self.darkest + (1 - self.darkest) * uniforms[:, None, :3]
        return torch.where(uniforms[:, 3:, None] < self.random_fraction, drawn, own)

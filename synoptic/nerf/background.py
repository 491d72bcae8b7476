"""What is seen where nothing stands in the way. Rows of `drawn` (B, 4) in [0, 1) are chances: a colour's, and one more."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from synoptic.nerf.encoding import Waves
from synoptic.nerf.field import network


class Background(Protocol):
    """Unit directions (B, N, 3) and chances (B, 4) -> colours (B, N, 3) in [0, 1]."""

    def __call__(self, direction: Tensor, drawn: Tensor) -> Tensor: ...


class Plain(torch.nn.Module):
    """One colour, white where nothing is said."""

    colour: Tensor

    def __init__(self, colour: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.register_buffer("colour", torch.tensor(colour))

    def forward(self, direction: Tensor, drawn: Tensor) -> Tensor:
        return self.colour.expand_as(direction)


class Random(torch.nn.Module):
    """A colour of its own for each picture: nothing can hide in it."""

    def forward(self, direction: Tensor, drawn: Tensor) -> Tensor:
        return drawn[:, None, :3].expand_as(direction)


class Learned(torch.nn.Module):
    """A small network of the direction (DreamFusion); for a `share` of the pictures, a colour drawn instead."""

    def __init__(self, share: float = 0.5, hidden: int = 16, octaves: int = 3, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.share, self.waves = share, Waves(octaves)
        self.net = network([self.waves.width, hidden, 3], rng)

    def forward(self, direction: Tensor, drawn: Tensor) -> Tensor:
        own = self.net(self.waves(direction.flatten(0, 1), self.waves.levels)).sigmoid().view_as(direction)
        return torch.where(drawn[:, 3:, None] < self.share, drawn[:, None, :3], own)

"""Fields without a network, whose renders are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Known(torch.nn.Module):
    """A field of a density and a color, each a function of places (M, 3)."""

    visible_levels = 0

    def __init__(self, density: Callable[[Tensor], Tensor], albedo: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.of, self.albedo = density, albedo or (lambda x: (x + 1) / 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.of(x), self.albedo(x)

    def density(self, x: Tensor) -> Tensor:
        return self.of(x)

    def raw_density(self, x: Tensor) -> Tensor:
        return self.of(x)

    def set_active_levels(self, levels: int) -> None:
        pass


def ball(radius: float = 0.5, edge: float = 0.03, height: float = 200.0) -> Callable[[Tensor], Tensor]:
    """Dense inside, nothing at all outside, an edge between."""
    return lambda x: height * ((radius - x.norm(dim=1)) / edge).clamp(0, 1)

"""Which parts of space hold something: a coarse grid of what the density was lately. Empty space is not asked about."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


class Occupancy(torch.nn.Module):
    """side³ cells over [-1, 1]³. A cell is skipped where it and all its neighbors were below `threshold` lately.

    As in Instant NGP (Müller et al. 2022, appendix C): each look keeps the larger of what is seen at one place a cell and
    `decay` times what was known. Before the first look, and where nothing at all is dense enough, no cell is skipped.
    """

    peak: Tensor
    solid: Tensor

    def __init__(self, side: int = 48, threshold: float = 0.1, decay: float = 0.9) -> None:
        super().__init__()
        self.side, self.threshold, self.decay = side, threshold, decay
        self.register_buffer("peak", torch.zeros(side, side, side, dtype=torch.float32))
        self.register_buffer("solid", torch.ones(side, side, side, dtype=torch.bool))

    @torch.no_grad()
    def update(self, density: Callable[[Tensor], Tensor], rng: torch.Generator, chunk: int = 2**16) -> None:
        """Ask once in each cell, at a place drawn from `rng`."""
        within = torch.rand(self.side**3, 3, generator=rng, dtype=torch.float32, device=rng.device).to(self.peak)
        cells = torch.cartesian_prod(*[torch.arange(self.side, device=within.device)] * 3) + within
        x = cells * (2 / self.side) - 1
        found = torch.cat([density(some) for some in x.split(chunk)]).view_as(self.peak)
        self.peak.copy_(torch.maximum(self.peak * self.decay, found))
        near = F.max_pool3d((self.peak > self.threshold)[None, None].float(), 3, 1, 1)[0, 0] > 0
        self.solid.copy_(near | ~near.any())

    def forward(self, x: Tensor) -> Tensor:
        """Map places (..., 3) to whether to ask there (...)."""
        i, j, k = ((x + 1) * (self.side / 2)).long().clamp(0, self.side - 1).unbind(-1)
        return self.solid.flatten()[(i * self.side + j) * self.side + k]

"""The radiance field: how dense a place is, and of what color. A network on an encoding, a blob at first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from synoptic.nerf.encoding import Encoding

DensityBias = Callable[[Tensor], Tensor]
EXP_LIMIT = 11.0  # where `linearized_exp` goes on straight


class Field(Protocol):
    """Places x (M, 3) in [-1, 1], of which the unit ball is looked at."""

    visible_levels: int  # of detail, as set by `set_active_levels`

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the density (M,), at least 0, per unit of length, and the albedo (M, 3) in [0, 1], at places (M, 3)."""
        ...

    def density(self, x: Tensor) -> Tensor: ...

    def raw_density(self, x: Tensor) -> Tensor:
        """Return what density (M,) is an increasing function of: normals are its slope."""
        ...

    def set_active_levels(self, levels: int) -> None:
        """Show only so much detail, from coarse to fine."""
        ...


def cone_bias(height: float = 10.0, radius: float = 0.5) -> DensityBias:
    """Return height (1 - |x| / radius), for `softplus` (Lin et al. 2023, Magic3D, section 3.1)."""
    return lambda x: height * (1 - x.square().sum(1).clamp(min=1e-12).sqrt() / radius)


def gaussian_bias(height: float = 5.0, radius: float = 0.2) -> DensityBias:
    """Return height exp(-|x|² / 2 radius²), for `linearized_exp` (Poole et al. 2023, DreamFusion, appendix A.2)."""
    return lambda x: height * (-x.square().sum(1) / (2 * radius**2)).exp()


def linearized_exp(level: Tensor) -> Tensor:
    """Return exp, straight on from where it would overflow in half precision: steep, but never stuck."""
    low = level.clamp(max=EXP_LIMIT)
    return low.exp() * (1 + level - low)


def mlp(sizes: Sequence[int], rng: torch.Generator | None) -> torch.nn.Sequential:
    """Build linear layers with ReLU between them, weights drawn from `rng` in ±1/sqrt(inputs), no bias at first."""
    layers: list[torch.nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        linear = torch.nn.Linear(a, b, dtype=torch.float32)
        torch.nn.init.uniform_(linear.weight, -1 / math.sqrt(a), 1 / math.sqrt(a), generator=rng)
        torch.nn.init.zeros_(linear.bias)
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


CONE_BIAS = cone_bias()


class NeuralField(torch.nn.Module):
    """A `Field` learned: encoding, a network with `hidden` layers, a bump to begin with, an activation."""

    active_levels: Tensor

    def __init__(
        self,
        encoding: Encoding,
        hidden: Sequence[int] = (32,),
        *,
        density_bias: DensityBias = CONE_BIAS,
        activation: Callable[[Tensor], Tensor] = F.softplus,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.encoding, self.density_bias, self.activation = encoding, density_bias, activation
        self.net = mlp([encoding.width, *hidden, 4], rng)
        self.register_buffer("active_levels", torch.tensor(encoding.levels))
        self.visible_levels = encoding.levels  # the same, to be read without waiting for a GPU
        self.register_load_state_dict_post_hook(lambda field, _: field._read_levels())

    def set_active_levels(self, levels: int) -> None:
        """Let so many of the encoding's levels through, from the coarsest on; at least one, at most all."""
        levels = max(1, min(levels, self.encoding.levels))
        if levels != self.visible_levels:
            self.active_levels.fill_(levels)
            self.visible_levels = levels

    def _read_levels(self) -> None:
        self.visible_levels = int(self.active_levels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        level, albedo = self._evaluate(x)
        return self.activation(level), albedo.sigmoid()

    def density(self, x: Tensor) -> Tensor:
        return self.activation(self.raw_density(x))

    def raw_density(self, x: Tensor) -> Tensor:
        return self._evaluate(x)[0]

    def _evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        level, albedo = self.net(self.encoding(x, self.visible_levels)).split([1, 3], 1)
        return level[:, 0] + self.density_bias(x), albedo

"""What a field is asked beside being liked: to be sparse, to be decided, to face the eye. Means over rays, each a scalar."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

WeightSchedule = Callable[[int], float]


def opacity_penalty(ray_opacity: Tensor) -> Tensor:
    """Return mean sqrt(o² + 0.01) of the share of light (R,) that rays lose (Poole et al. 2023, DreamFusion, A.2)."""
    return (ray_opacity.square() + 0.01).sqrt().mean()


def entropy(ray_opacity: Tensor, midpoint: float = 0.5) -> Tensor:
    """Return mean -p log p - (1 - p) log (1 - p) in nats, p = o^(log 1/2 / log midpoint): 0 where every ray is decided.

    It is largest where o is `midpoint`, in (0, 1), and leads from there to 0 and to 1.
    """
    p = ray_opacity.clamp(1e-3, 1 - 1e-3) ** (math.log(0.5) / math.log(midpoint))
    return -(p * p.log() + (1 - p) * (1 - p).log()).mean()


def orientation_penalty(facing_away: Tensor, ray_opacity: Tensor) -> Tensor:
    """Sum w max(0, n·d)² along rays (R,), w held, per ray that meets anything (Verbin et al. 2022, equation 11)."""
    return facing_away.sum() / (ray_opacity > 1e-3).sum().clamp(min=1)


def constant(value: float) -> WeightSchedule:
    return lambda step: value


def zero(step: int) -> float:
    return 0.0


def linear_ramp(start: float, end: float, first: int, last: int) -> WeightSchedule:
    """Return `start` until step `first`, `end` from step `last` on, straight between."""
    return lambda step: start + (end - start) * min(1.0, max(0.0, (step - first) / max(last - first, 1)))


@dataclass(frozen=True)
class Penalties:
    """How much of each, by step. `midpoint`: see `entropy`."""

    opacity: WeightSchedule = zero
    entropy: WeightSchedule = zero
    orientation: WeightSchedule = zero
    midpoint: float = 0.5

    def weights(self, step: int) -> Tensor:
        """Return the weights (3,) of opacity, entropy and orientation."""
        return torch.tensor([self.opacity(step), self.entropy(step), self.orientation(step)], dtype=torch.float32)

    def __call__(self, weights: Tensor, ray_opacity: Tensor, facing_away: Tensor) -> Tensor:
        """Return what is added to the loss, with weights (3,), of ray_opacity (R,) and facing_away (R,)."""
        each = opacity_penalty(ray_opacity), entropy(ray_opacity, self.midpoint)
        return (weights * torch.stack([*each, orientation_penalty(facing_away, ray_opacity)])).sum()

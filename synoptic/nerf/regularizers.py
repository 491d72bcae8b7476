"""What a field is asked beside being liked: to be sparse, to be decided, to face the eye. Means over rays, each a scalar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Schedule = Callable[[int], float]


def opacity(stopped: Tensor) -> Tensor:
    """mean sqrt(o² + 0.01) of the share of light (R,) that rays lose: Poole et al. 2023 (DreamFusion), appendix A.2."""
    return (stopped.square() + 0.01).sqrt().mean()


def entropy(stopped: Tensor) -> Tensor:
    """mean -o log o - (1 - o) log (1 - o) in nats: 0 where every ray is decided."""
    o = stopped.clamp(1e-3, 1 - 1e-3)
    return -(o * o.log() + (1 - o) * (1 - o).log()).mean()


def orientation(away: Tensor, stopped: Tensor) -> Tensor:
    """Sums along rays (R,), w max(0, n·d)² with w held, a ray that meets anything (Verbin et al. 2022, equation 11)."""
    return away.sum() / (stopped > 1e-3).sum().clamp(min=1)


def steady(value: float) -> Schedule:
    return lambda step: value


def never(step: int) -> float:
    return 0.0


def ramp(start: float, end: float, first: int, last: int) -> Schedule:
    """`start` until step `first`, `end` from step `last` on, straight between."""
    return lambda step: start + (end - start) * min(1.0, max(0.0, (step - first) / max(last - first, 1)))


@dataclass(frozen=True)
class Penalties:
    """How much of each, by step; a value of 0 costs nothing."""

    opacity: Schedule = never
    entropy: Schedule = never
    orientation: Schedule = never

    def __call__(self, step: int, stopped: Tensor, away: Tensor) -> Tensor:
        """stopped (R,), away (R,) -> what is added to the loss."""
        total = torch.zeros((), device=stopped.device)
        for weight, cost in (
            (self.opacity(step), lambda: opacity(stopped)),
            (self.entropy(step), lambda: entropy(stopped)),
            (self.orientation(step), lambda: orientation(away, stopped)),
        ):
            total = total + weight * cost() if weight else total
        return total

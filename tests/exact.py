"""What theorems need: denoisers that are exact, in float64, and noise that is the same each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, coefficients, pred_from_output
from synoptic.diffusion.schedules import schedule_from_config

WINDOW = (6, 8)
SHAPE = (2, *WINDOW)


def ddpm(**config: Any) -> Schedule:
    return schedule_from_config(DDIMScheduler(**{"beta_schedule": "scaled_linear", "clip_sample": False} | config).config)


def flow(**config: Any) -> Schedule:
    return schedule_from_config({"_class_name": "FlowMatchEulerDiscreteScheduler"} | config)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def generators(n: int = 2) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(100 + k) for k in range(n)]


@dataclass
class Mixture:
    """The exact posterior mean of x0 = mean_k + spread_k n with chance weight_k, by way of the eps a network would give.

    Its learned variance is made up: any function of x serves to see what becomes of it.
    """

    s: Schedule
    means: Tensor = field(default_factory=lambda: 0.4 * normal(3, *SHAPE, seed=9))
    spreads: tuple[float, ...] = (0.3, 0.5, 0.8)
    weights: tuple[float, ...] = (0.5, 0.3, 0.2)
    calls: list[Any] = field(default_factory=list)

    def __call__(self, x: Tensor, t: Time, views: Any = None) -> Pred:
        self.calls.append(views)
        a, sigma = coefficients(self.s, t, x)
        spread = x.new_tensor(self.spreads)
        var = a**2 * spread**2 + sigma**2
        away = x[:, None] - a * self.means
        log = x.new_tensor(self.weights).log() - away.flatten(2).square().sum(-1) / (2 * var) - x[0].numel() / 2 * var.log()
        mean = self.means + (a * spread**2 / var)[:, None, None, None] * away
        x0 = (log.softmax(1)[:, :, None, None, None] * mean).sum(1)
        output = (x - x0) / sigma if self.s.prediction == "flow" else (x - a * x0) / sigma
        return pred_from_output(self.s, x, output, t, torch.tanh(x.flip(-1)))

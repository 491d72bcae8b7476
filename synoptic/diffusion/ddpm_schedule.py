"""The schedule of the DDPM family: which times its steps take, and how much noise each has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from torch import Tensor

from synoptic.diffusion.equations import Number, Time, check_time
from synoptic.diffusion.scheduler_classes import CONSISTENCY_SCHEDULERS, CONTINUOUS_SCHEDULERS, MULTISTEP_SCHEDULERS
from synoptic.utils.arguments import typed


@dataclass(frozen=True)
class DDPMSchedule:
    """The DDPM family (Ho et al. 2020): alpha_t = sqrt(abar_t), sigma_t = sqrt(1 - abar_t) at t = 0 … T-1.

    `final_alpha_cumprod` is abar at the end (t = -1): 1, or abar_0 where the config has `set_alpha_to_one: false`. Between
    two trained times sigma / alpha lies on the line between theirs, as in diffusers' schedulers of Karras et al. 2022.
    """

    alphas_cumprod: Tensor  # (T,) float64
    final_alpha_cumprod: float = 1.0
    prediction: str = "epsilon"
    spacing: str | None = None  # leading, trailing or linspace; None is the scheduler class's own
    offset: int = 0
    original_steps: int = 50  # the times that a consistency model was distilled at: T / original_steps apart
    scheduler: str = "DDIMScheduler"  # the diffusers class whose times `steps` takes
    clip: Callable[[Tensor], Tensor] | None = None
    learned_variance: bool = False  # whether a network's further channels are a variance to sample with
    final_time = -1

    @overload
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, t: float) -> tuple[float, float]: ...

    def __call__(self, t: Time) -> tuple[Number, Number]:
        check_time(t, self.final_time, len(self.alphas_cumprod) - 1, whole=True)
        if isinstance(t, Tensor):
            index = t.cpu().clamp(min=-1)
            abar = torch.where(index < 0, self.final_alpha_cumprod, self.alphas_cumprod[index])
            return abar.sqrt(), (1 - abar).sqrt()
        if not float(t).is_integer():
            low, high = (sigma / a for a, sigma in (self(math.floor(t)), self(math.ceil(t))))
            ratio = low + (high - low) * (t % 1)
            return 1 / math.hypot(1, ratio), ratio / math.hypot(1, ratio)
        abar = self.final_alpha_cumprod if t < 0 else self.alphas_cumprod[int(t)].item()
        return abar**0.5, (1 - abar) ** 0.5

    def network_time(self, t: Time) -> Time:
        """Return the time that the network is given: t itself."""
        return t

    @typed
    def steps(self, n: int, scheduler: str | None = None) -> list[tuple[Time, Time]]:
        """Return n steps that meet and fall, at the times of the config's diffusers class, or of another one, `scheduler`.

        Spaced as Lin et al. 2024, table 2, names them. One step of linspace, which DDIM's class begins at time 0, the
        clean picture's, begins at the noisiest time here. Raises ValueError where the class has no n different times, or
        where an offset pushes the first one past the last time, T - 1.
        """
        T, scheduler = len(self.alphas_cumprod), scheduler or self.scheduler
        consistency = scheduler in CONSISTENCY_SCHEDULERS
        most = T - 1 if scheduler in MULTISTEP_SCHEDULERS else min(self.original_steps, T) if consistency else T
        if not 1 <= n <= most:
            raise ValueError(f"steps must be between 1 and {most} for this model, not {n}")
        if consistency:
            return pair_up(consistency_times(T, self.original_steps, n), self.final_time)
        ts = spaced_times(scheduler, self.spacing, T, n, self.offset)
        if ts[0] >= T:
            raise ValueError(f"{n} steps with steps_offset {self.offset} begin past the last time, {T - 1}: take fewer")
        return pair_up([int(t) if t.is_integer() else t for t in ts.tolist()], self.final_time)


def spaced_times(scheduler: str, spacing: str | None, T: int, n: int, offset: int = 0) -> np.ndarray:
    """Return n times of 0 … T-1, noisiest first, as float64 (n,): where that class of diffusers' schedulers has them."""
    multistep, continuous = scheduler in MULTISTEP_SCHEDULERS, scheduler in CONTINUOUS_SCHEDULERS
    if scheduler == "DPMSolverSinglestepScheduler":
        spacing = "linspace"  # it knows no other
    points = n + 1 if multistep else n
    match spacing or ("linspace" if multistep or continuous else "leading"):
        case "leading":
            ts = np.arange(points) * float(T // points) + offset
        case "trailing":
            return np.arange(T, 0, -T / n)[:n].round() - 1
        case _:
            ts = np.linspace(0, T - 1, points) if points > 1 else np.array([T - 1.0])
            ts = ts.astype(np.float32).astype(float) if continuous else ts.round()
    return ts[::-1][:n]


def consistency_times(T: int, original_steps: int, n: int) -> list[int]:
    """Return n times, noisiest first, of the original_steps a consistency model was distilled at (Luo et al. 2023, LCM)."""
    distilled = (np.arange(1, original_steps + 1) * (T // original_steps) - 1)[::-1]
    return distilled[np.floor(np.linspace(0, original_steps, n, endpoint=False)).astype(int)].tolist()


def pair_up(times: Sequence[Time], end: Time) -> list[tuple[Time, Time]]:
    """Return steps (t, t_prev) each of which ends where the next begins, and the last at `end`."""
    return list(zip(times, [*times[1:], end], strict=True))

"""A DDPM-family schedule whose steps are spaced by noise level, as Karras et al. 2022 space them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from torch import Tensor

from synoptic.diffusion.ddpm_schedule import DDPMSchedule, pair_up, spaced_times
from synoptic.diffusion.equations import Number, Time, check_time
from synoptic.diffusion.scheduler_classes import KARRAS_SCHEDULERS, MULTISTEP_SCHEDULERS
from synoptic.utils.arguments import typed

RHO = 7.0
LEAST_SIGNAL = 2.0**-24  # abar at the end of a schedule of zero terminal SNR, as diffusers' classes of this spacing have it
WHOLE_TIMES = (*MULTISTEP_SCHEDULERS, "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler")


@dataclass(frozen=True)
class KarrasSchedule(DDPMSchedule):
    """`use_karras_sigmas` of diffusers' schedulers: n values of sigma / alpha, evenly spaced in their root of order 7.

    From the noisiest to the cleanest time that the class would take otherwise; multistep classes span all trained times.
    Between two trained times log(sigma / alpha) lies on the line between theirs.
    """

    sigma_min: float | None = None  # of sigma / alpha, in place of the cleanest time's
    sigma_max: float | None = None

    @overload
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, t: float) -> tuple[float, float]: ...

    def __call__(self, t: Time) -> tuple[Number, Number]:
        check_time(t, self.final_time, len(self.alphas_cumprod) - 1, whole=True)
        if isinstance(t, Tensor) or t < 0 or float(t).is_integer():
            return super().__call__(t)
        ratio = math.exp(np.interp(t, np.arange(len(self.alphas_cumprod)), self.log_ratios))
        return 1 / math.hypot(1, ratio), ratio / math.hypot(1, ratio)

    @property
    def log_ratios(self) -> np.ndarray:
        """log(sigma / alpha) at every trained time (T,)."""
        abar = self.alphas_cumprod.numpy().clip(min=LEAST_SIGNAL)
        return np.log((1 - abar) / abar) / 2

    @typed
    def steps(self, n: int, scheduler: str | None = None) -> list[tuple[Time, Time]]:
        """Return n steps that meet and fall, at Karras' noise levels; a `scheduler` class without them has its own."""
        kind = scheduler or self.scheduler
        steps = super().steps(n, scheduler)  # raises ValueError where the class has no n times
        if kind not in KARRAS_SCHEDULERS:
            return steps
        T, log_ratios = len(self.alphas_cumprod), self.log_ratios
        ends = np.array([T - 1, 0]) if kind in MULTISTEP_SCHEDULERS else spaced_times(kind, self.spacing, T, n, self.offset)
        high, low = (math.exp(np.interp(t, np.arange(T), log_ratios)) for t in (ends[0], ends[-1]))
        first, last = ((given or found) ** (1 / RHO) for given, found in ((self.sigma_max, high), (self.sigma_min, low)))
        ratios = (first + np.linspace(0, 1, n) * (last - first)) ** RHO
        times = np.interp(np.log(ratios), log_ratios, np.arange(T)).tolist()
        return pair_up([round(t) if abs(t - round(t)) < 1e-9 else t for t in times], self.final_time)

    def network_time(self, t: Time) -> Time:
        """Return the time that the network is given: multistep classes give it whole ones."""
        return round(t) if self.scheduler in WHOLE_TIMES and not isinstance(t, Tensor) else t

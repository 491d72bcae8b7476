"""The schedule of rectified flows: which noise levels a family's steps have, and how far they are shifted to noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import overload

import numpy as np
from torch import Tensor

from synoptic.diffusion.equations import Number, Time, check_time
from synoptic.diffusion.scheduler_classes import FLOW_SCHEDULERS, Spacing
from synoptic.utils.arguments import typed
from synoptic.utils.json_objects import JsonObject


@dataclass(frozen=True)
class FlowMatchingSchedule:
    """Rectified flow (Liu et al. 2023; Esser et al. 2024): alpha_t = 1 - t/T, sigma_t = t/T, at float times T … 0.

    `config` is a diffusers scheduler's: of flow matching, or a multistep one with `use_flow_sigmas`. `tokens` is how many
    image tokens the network sees of one view: where the config shifts by resolution, they say how far.
    """

    config: JsonObject
    clip: Callable[[Tensor], Tensor] | None = None
    spacing: Spacing | None = None
    tokens: int | None = None
    prediction = "flow"
    learned_variance = False
    final_time = 0.0

    @overload
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, t: float) -> tuple[float, float]: ...

    def __call__(self, t: Time) -> tuple[Number, Number]:
        T = self.config.get("num_train_timesteps", 1000)
        check_time(t, self.final_time, T)
        sigma = (t.double() if isinstance(t, Tensor) else t) / T
        return 1 - sigma, sigma

    def network_time(self, t: Time) -> Time:
        """Return the time that the network is given: t itself."""
        return t

    @typed
    def steps(self, n: int, scheduler: str | None = None) -> list[tuple[Time, Time]]:
        """Return n steps that meet and fall, at the times of the config's own class, whatever `scheduler` is."""
        if n < 1:
            raise ValueError(f"steps must be at least 1, not {n}")
        kind = self.config.get("_class_name", "FlowMatchEulerDiscreteScheduler")
        multistep = kind not in FLOW_SCHEDULERS
        library = import_module("diffusers.schedulers")  # at each call: another takes its place as it is imported
        own = getattr(library, kind if multistep else "FlowMatchEulerDiscreteScheduler").from_config(dict(self.config))
        mu = {"mu": self._mu(n)} if self.config.get("use_dynamic_shifting") else {}
        spacing = self.spacing or ("linspace" if mu and not multistep else "scheduler")
        if spacing != "scheduler":
            own.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n), **mu)
        else:
            own.set_timesteps(n, **mu)
        # of a multistep class the sigmas: its times are whole numbers, which its own solver does not follow
        times = (own.sigmas[:n] * own.config.num_train_timesteps if multistep else own.timesteps).double().tolist()
        return list(zip(times, [*times[1:], self.final_time], strict=True))

    def _mu(self, n: int) -> float:
        """Return the log of the shift of n steps: FLUX.2's, which depends on n, or `mu`."""
        return flux2_mu(self.tokens or self.config.get("max_image_seq_len", 4096), n) if self.spacing == "flux2" else self.mu

    @property
    def mu(self) -> float:
        """log of the shift at `tokens`, on the line through the config's two sizes; the larger one's without."""
        config = self.config
        low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        return high if self.tokens is None else low + (self.tokens - few) * (high - low) / (many - few)


def flux2_mu(tokens: int, steps: int) -> float:
    """Return the log of FLUX.2's shift: linear in the tokens for 10 and for 200 steps, and between these in the steps.

    Black Forest Labs 2025, whose own numbers these are; above 4300 tokens the one of 200 steps, whatever the steps.
    """
    of_200, of_10 = 1.6927e-4 * tokens + 0.45666666, 8.73809524e-5 * tokens + 1.89833333
    return of_200 if tokens > 4300 else of_10 + (of_200 - of_10) * (steps - 10) / 190

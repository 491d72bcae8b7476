"""Schedules: times to (alpha_t, sigma_t), from any diffusers scheduler config, and the clipping of x0 that goes with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from synoptic.diffusion.equations import Schedule, Time
from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.diffusion.scheduler_classes import (
    CONSISTENCY_SCHEDULERS,
    CONTINUOUS_SCHEDULERS,
    FLOW_SCHEDULERS,
    MULTISTEP_SCHEDULERS,
    Spacing,
    with_class_defaults,
)


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

    def __call__(self, t: Time) -> tuple[Any, Any]:
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

    def steps(self, n: int, scheduler: str | None = None) -> list[tuple[Time, Time]]:
        """n steps that meet and fall, at the times of the config's diffusers class, or of another one, `scheduler`.

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
    """n times of 0 … T-1, noisiest first, as float64 (n,): where that class of diffusers' schedulers has them."""
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
    """n times, noisiest first, of the original_steps that a consistency model was distilled at (Luo et al. 2023, LCM)."""
    distilled = (np.arange(1, original_steps + 1) * (T // original_steps) - 1)[::-1]
    return distilled[np.floor(np.linspace(0, original_steps, n, endpoint=False)).astype(int)].tolist()


def pair_up(times: Sequence[Time], end: Time) -> list[tuple[Time, Time]]:
    """Steps (t, t_prev) each of which ends where the next begins, and the last at `end`."""
    return list(zip(times, [*times[1:], end], strict=True))


def schedule_from_config(
    config: Mapping[str, Any], flow_spacing: Spacing | None = None, tokens: int | None = None
) -> Schedule:
    """Schedule of any diffusers scheduler config (DDPM, DDIM, PNDM, Euler, DPM-Solver, flow matching, …).

    What it leaves out is its own class's default; `flow_spacing` and `tokens` are a `FlowMatchingSchedule`'s. Raises
    ValueError for a class that is not known, and for a prediction type that is none of epsilon, v_prediction, sample and
    flow_prediction, or is the last without use_flow_sigmas.
    """
    given, config = config, with_class_defaults(config)
    clip = _clip_of_config(config)
    flow = config.get("prediction_type") == "flow_prediction" and config.get("use_flow_sigmas")
    if config.get("_class_name") in FLOW_SCHEDULERS or "shift" in config or flow:  # only flow matching has a shift
        return FlowMatchingSchedule(dict(given), clip, flow_spacing, tokens)
    prediction, spacing = config.get("prediction_type", "epsilon"), config.get("timestep_spacing")
    if prediction not in ("epsilon", "v_prediction", "sample"):
        raise ValueError(f"prediction_type must be epsilon, v_prediction or sample, not {prediction!r}")
    if spacing not in (None, "leading", "trailing", "linspace"):
        raise ValueError(f"timestep_spacing must be leading, trailing or linspace, not {spacing!r}")
    ddim: Any = DDIMScheduler.from_config(dict(config))  # it knows every beta schedule
    return DDPMSchedule(
        ddim.alphas_cumprod.double(),
        float(ddim.final_alpha_cumprod),
        prediction,
        spacing,
        config.get("steps_offset", 0),
        config.get("original_inference_steps", 50),
        config.get("_class_name", "DDIMScheduler"),
        clip,
        str(config.get("variance_type")).startswith("learned"),
    )


def _clip_of_config(config: Mapping[str, Any]) -> Callable[[Tensor], Tensor] | None:
    if config.get("thresholding"):
        ratio, limit = config.get("dynamic_thresholding_ratio", 0.995), config.get("sample_max_value", 1.0)
        return lambda x0: dynamic_threshold(x0, ratio, limit)
    if config.get("clip_sample"):
        limit = config.get("clip_sample_range", 1.0)
        return lambda x0: x0.clamp(-limit, limit)
    return None


def dynamic_threshold(x0: Tensor, ratio: float = 0.95, limit: float = 1.5) -> Tensor:
    """Saharia et al. 2022 (Imagen), section 2.3: clip each row (N, …) to its own quantile s in [1, limit], divide by s."""
    wide = torch.promote_types(x0.dtype, torch.float32)  # quantile knows no half precision
    s = x0.flatten(1).abs().to(wide).quantile(ratio, dim=1).clamp(1, limit).to(x0.dtype)
    s = s.view(-1, *[1] * (x0.ndim - 1))
    return x0.clamp(-s, s) / s


def get_clip(rule: str, s: Schedule) -> Callable[[Tensor], Tensor] | None:
    """The clip of x0 that a rule names: auto (the schedule's own), none, static (to [-1, 1]) or dynamic (Imagen's).

    Raises ValueError for another name.
    """
    match rule:
        case "auto":
            return s.clip
        case "none":
            return None
        case "static":
            return lambda x0: x0.clamp(-1, 1)
        case "dynamic":
            return dynamic_threshold
    raise ValueError(f"clip must be auto, none, static or dynamic, not {rule!r}")

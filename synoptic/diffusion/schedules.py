"""Schedules: times to (alpha_t, sigma_t), from any diffusers scheduler config, and the clipping of x0 that goes with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from synoptic.diffusion.ddpm_schedule import DDPMSchedule
from synoptic.diffusion.equations import Schedule
from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.diffusion.karras_schedule import KarrasSchedule
from synoptic.diffusion.scheduler_classes import FLOW_SCHEDULERS, Spacing, with_class_defaults
from synoptic.utils.json_objects import JsonObject


def schedule_from_config(config: JsonObject, flow_spacing: Spacing | None = None, tokens: int | None = None) -> Schedule:
    """Return the schedule of any diffusers scheduler config (DDPM, DDIM, PNDM, Euler, DPM-Solver, flow matching, …).

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
    ddim = DDIMScheduler.from_config(dict(config))  # it knows every beta schedule
    assert isinstance(ddim, DDIMScheduler)
    karras = partial(KarrasSchedule, sigma_min=config.get("sigma_min"), sigma_max=config.get("sigma_max"))
    build = karras if config.get("use_karras_sigmas") else DDPMSchedule
    return build(
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


def _clip_of_config(config: JsonObject) -> Callable[[Tensor], Tensor] | None:
    if config.get("thresholding"):
        ratio, limit = config.get("dynamic_thresholding_ratio", 0.995), config.get("sample_max_value", 1.0)
        return lambda x0: dynamic_threshold(x0, ratio, limit)
    if config.get("clip_sample"):
        limit = config.get("clip_sample_range", 1.0)
        return lambda x0: x0.clamp(-limit, limit)
    return None


def dynamic_threshold(x0: Tensor, ratio: float = 0.95, limit: float = 1.5) -> Tensor:
    """Clip each row (N, …) to its own quantile s in [1, limit], divide by s (Saharia et al. 2022, Imagen, section 2.3)."""
    wide = torch.promote_types(x0.dtype, torch.float32)  # quantile knows no half precision
    s = x0.flatten(1).abs().to(wide).quantile(ratio, dim=1).clamp(1, limit).to(x0.dtype)
    s = s.view(-1, *[1] * (x0.ndim - 1))
    return x0.clamp(-s, s) / s


def get_clip(rule: str, s: Schedule) -> Callable[[Tensor], Tensor] | None:
    """Return the clip of x0 that a rule names: auto (the schedule's own), none, static (to [-1, 1]) or dynamic (Imagen's).

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

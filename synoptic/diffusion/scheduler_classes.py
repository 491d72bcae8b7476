"""The classes of diffusers' schedulers whose configs are read, and what each takes where its config is silent.

Imports nothing heavy: a class that is not here is refused before weights load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from synoptic.utils.json_objects import JsonObject

DISCRETE_SCHEDULERS = ("DDIMScheduler", "DDIMParallelScheduler", "DDPMScheduler", "DDPMParallelScheduler", "PNDMScheduler")
CONSISTENCY_SCHEDULERS = ("LCMScheduler", "TCDScheduler")  # times among those that the model was distilled at
MULTISTEP_SCHEDULERS = (  # the points between n + 1 equal parts: the clean picture is not a point of its own
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
    "SASolverScheduler",
)
CONTINUOUS_SCHEDULERS = (  # times between the trained ones where spacing is linspace
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "LMSDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "DPMSolverSDEScheduler",
)
KARRAS_SCHEDULERS = (  # those that read use_karras_sigmas
    *MULTISTEP_SCHEDULERS,
    *(kind for kind in CONTINUOUS_SCHEDULERS if kind != "EulerAncestralDiscreteScheduler"),
)
FLOW_SCHEDULERS = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "FlowMatchLCMScheduler")
NOISY_SAMPLERS = ("ddpm", "lcm", "tcd")  # values of --sampler whose steps add noise
Spacing = Literal["scheduler", "linspace", "flux2"]  # of a flow's sigma before its shift: the class's own, or 1 … 1/n, as
# FLUX's, or the latter with FLUX.2's own rule of how far they are shifted
KNOWN_SCHEDULERS = (
    *DISCRETE_SCHEDULERS,
    *CONSISTENCY_SCHEDULERS,
    *MULTISTEP_SCHEDULERS,
    *CONTINUOUS_SCHEDULERS,
    *FLOW_SCHEDULERS,
)

CLIPPED, LATENT_BETAS = {"clip_sample": True}, {"beta_start": 0.00085, "beta_end": 0.012}
CLASS_DEFAULTS: Mapping[
    str, Mapping[str, bool | float | str]
] = {  # where they are not those of most: a linear schedule that clips nothing
    "DDIMScheduler": CLIPPED,
    "DDIMParallelScheduler": CLIPPED,
    "DDPMScheduler": CLIPPED,
    "DDPMParallelScheduler": CLIPPED,
    "PNDMScheduler": {"set_alpha_to_one": False},
    "LCMScheduler": LATENT_BETAS | {"beta_schedule": "scaled_linear"},
    "TCDScheduler": LATENT_BETAS | {"beta_schedule": "scaled_linear"},
    "HeunDiscreteScheduler": LATENT_BETAS,
    "DPMSolverSDEScheduler": LATENT_BETAS,
    "KDPM2DiscreteScheduler": LATENT_BETAS,
    "KDPM2AncestralDiscreteScheduler": LATENT_BETAS,
}
USUAL: dict[str, bool | float | str] = {"clip_sample": False, "set_alpha_to_one": True}
OWN_KEYS = {  # keys that only these classes read, though files of others have them: SDXL's, of Euler, has both
    "set_alpha_to_one": ("DDIMScheduler", "DDIMParallelScheduler", "PNDMScheduler", *CONSISTENCY_SCHEDULERS),
    "clip_sample": (
        "DDIMScheduler",
        "DDIMParallelScheduler",
        "DDPMScheduler",
        "DDPMParallelScheduler",
        "HeunDiscreteScheduler",
        *CONSISTENCY_SCHEDULERS,
    ),
    "use_karras_sigmas": KARRAS_SCHEDULERS,
    "sigma_min": ("EulerDiscreteScheduler", "UniPCMultistepScheduler"),
    "sigma_max": ("EulerDiscreteScheduler", "UniPCMultistepScheduler"),
}
OTHER_SPACINGS = {  # keys by which files space their noise levels in ways that are not read, where they are
    "use_exponential_sigmas": (True,),
    "use_beta_sigmas": (True,),
    "use_lu_lambdas": (True,),
    "interpolation_type": ("log_linear",),
    "timestep_type": ("continuous",),
}


def with_class_defaults(config: JsonObject) -> JsonObject:
    """Return a scheduler's config with what its class takes where the config is silent; without a class, DDIM's steps.

    What its class does not read counts no more than in diffusers; `final_sigmas_type: sigma_min` is an end at time 0.
    Raises ValueError where its class is none of `KNOWN_SCHEDULERS`.
    """
    kind = config.get("_class_name", "DDIMScheduler")
    if kind not in KNOWN_SCHEDULERS:
        raise ValueError(f"a scheduler must be one of {', '.join(KNOWN_SCHEDULERS)}, not {kind}")
    own = CLASS_DEFAULTS.get(config.get("_class_name", ""), {})
    read = {key: value for key, value in config.items() if value is not None and kind in OWN_KEYS.get(key, (kind,))}
    end = {"set_alpha_to_one": False} if config.get("final_sigmas_type") == "sigma_min" else {}
    return {**USUAL, **own, **read, **end}


def other_spacing(config: Mapping[str, object]) -> str | None:
    """Return the key by which a scheduler's config spaces its noise levels in a way that is not read; None without one."""
    kind = config.get("_class_name")
    if kind in (*DISCRETE_SCHEDULERS, *CONSISTENCY_SCHEDULERS, *FLOW_SCHEDULERS):
        return None  # which do not read them, or as diffusers does
    return next((key for key, values in OTHER_SPACINGS.items() if config.get(key) in values), None)

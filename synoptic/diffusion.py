"""The equations everything shares, in the papers' letters: x_t = alpha_t x0 + sigma_t eps.

A time `t` is what the network takes: an integer for the DDPM family, a float for flow models, or a tensor (N,) that
gives each row its own. `Schedule` turns it into (alpha_t, sigma_t); nothing else here knows which family it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

Time = int | float | Tensor


class Pred(NamedTuple):
    """What a network believes of x_t, all (N, C, h, w): `x0` and `eps` (both, since alpha_t may be 0), `var` if learned."""

    x0: Tensor
    eps: Tensor
    var: Tensor | None = None


class Schedule(Protocol):
    """`s(t)` is (alpha_t, sigma_t); `s.end` the time of the clean image; `prediction` what the network's output means."""

    @property
    def prediction(self) -> str: ...

    @property
    def end(self) -> Time: ...

    @property
    def clip(self) -> Callable[[Tensor], Tensor] | None: ...

    def __call__(self, t: Time) -> tuple[Any, Any]: ...

    def steps(self, n: int) -> Sequence[tuple[Time, Time]]:
        """n pairs (t, t_prev), noisiest first."""
        ...


@dataclass(frozen=True)
class Discrete:
    """The DDPM family (Ho et al. 2020): alpha_t = sqrt(abar_t), sigma_t = sqrt(1 - abar_t) at t = 0 … T-1.

    `final` is abar at the end (t = -1): 1, or abar_0 where the config has `set_alpha_to_one: false`.
    """

    alphas_cumprod: Tensor  # (T,) float64
    final: float = 1.0
    prediction: str = "epsilon"
    spacing: str = "leading"
    offset: int = 0
    clip: Callable[[Tensor], Tensor] | None = None
    end = -1

    def __call__(self, t: Time) -> tuple[Any, Any]:
        if isinstance(t, Tensor):
            index = t.cpu().clamp(min=-1)
            abar = torch.where(index < 0, self.final, self.alphas_cumprod[index]).to(t.device)
            return abar.sqrt(), (1 - abar).sqrt()
        abar = self.final if t < 0 else self.alphas_cumprod[int(t)].item()
        return abar**0.5, (1 - abar) ** 0.5

    def steps(self, n: int) -> list[tuple[Time, Time]]:
        """Spaced as Lin et al. 2024, table 2, names them; t_prev = t - T//n, diffusers' rule for every spacing.

        Raises ValueError where n is not in 1 … T - offset.
        """
        T = len(self.alphas_cumprod)
        if not 1 <= n <= T - self.offset:
            raise ValueError(f"steps must be between 1 and {T - self.offset} for this model, not {n}")
        i = torch.arange(n, dtype=torch.float64)
        match self.spacing:
            case "leading":
                ts = (i * (T // n)).flip(0) + self.offset
            case "trailing":
                ts = (T - i * (T / n)).round() - 1
            case "linspace":
                ts = torch.linspace(0, T - 1, n, dtype=torch.float64).round().flip(0)
            case other:
                raise ValueError(f"timestep_spacing must be leading, trailing or linspace, not {other!r}")
        return [(t, max(t - T // n, self.end)) for t in map(int, ts.tolist())]


@dataclass(frozen=True)
class Flow:
    """Rectified flow (Liu et al. 2023; Esser et al. 2024): alpha_t = 1 - t/T, sigma_t = t/T, at float times T … 0."""

    config: Mapping[str, Any]
    clip: Callable[[Tensor], Tensor] | None = None
    prediction = "flow"
    end = 0.0

    def __call__(self, t: Time) -> tuple[Any, Any]:
        sigma = (t.double() if isinstance(t, Tensor) else t) / self.config.get("num_train_timesteps", 1000)
        return 1 - sigma, sigma

    def steps(self, n: int) -> list[tuple[Time, Time]]:
        """The scheduler's own times; where its shift depends on the picture's size, the shift of the largest one."""
        from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

        if n < 1:
            raise ValueError(f"steps must be at least 1, not {n}")
        scheduler: Any = FlowMatchEulerDiscreteScheduler.from_config(dict(self.config))
        if self.config.get("use_dynamic_shifting"):
            scheduler.set_timesteps(sigmas=[1 - i / n for i in range(n)], mu=self.config.get("max_shift", 1.15))
        else:
            scheduler.set_timesteps(n)
        ts = scheduler.timesteps.double().tolist()
        return list(zip(ts, [*ts[1:], self.end], strict=True))


def schedule(config: Mapping[str, Any]) -> Schedule:
    """Schedule of any diffusers scheduler config (DDPM, DDIM, PNDM, Euler, DPM-Solver, flow matching, …).

    Raises ValueError for a prediction type that is none of epsilon, v_prediction, sample and flow.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    clip = _clip(config)
    if "FlowMatch" in config.get("_class_name", ""):
        return Flow(dict(config), clip)
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "v_prediction", "sample"):
        raise ValueError(f"prediction_type must be epsilon, v_prediction or sample, not {prediction!r}")
    ddim: Any = DDIMScheduler.from_config(dict(config))  # it knows every beta schedule
    return Discrete(
        ddim.alphas_cumprod.double(),
        float(ddim.final_alpha_cumprod),
        prediction,
        config.get("timestep_spacing", "leading"),
        config.get("steps_offset", 0),
        clip,
    )


def _clip(config: Mapping[str, Any]) -> Callable[[Tensor], Tensor] | None:
    if config.get("thresholding"):
        ratio, limit = config.get("dynamic_thresholding_ratio", 0.995), config.get("sample_max_value", 1.0)
        return lambda x0: dynamic_threshold(x0, ratio, limit)
    if config.get("clip_sample"):
        limit = config.get("clip_sample_range", 1.0)
        return lambda x0: x0.clamp(-limit, limit)
    return None


def dynamic_threshold(x0: Tensor, ratio: float = 0.95, limit: float = 1.5) -> Tensor:
    """Saharia et al. 2022 (Imagen), section 2.3: clip each row (N, …) to its own quantile s in [1, limit], divide by s."""
    s = x0.flatten(1).abs().float().quantile(ratio, dim=1).clamp(1, limit).to(x0.dtype)
    s = s.view(-1, *[1] * (x0.ndim - 1))
    return x0.clamp(-s, s) / s


def clipping(rule: str, s: Schedule) -> Callable[[Tensor], Tensor] | None:
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


def coefficients(s: Schedule, t: Time, x: Tensor) -> tuple[Any, Any]:
    """(alpha_t, sigma_t) as numbers, or for a tensor t (N,) as (N, 1, …) in the dtype and on the device of x."""
    a, sigma = s(t)
    if isinstance(a, Tensor) and a.ndim:
        shape = (-1, *[1] * (x.ndim - 1))
        a, sigma = a.to(x).view(shape), sigma.to(x).view(shape)
    return a, sigma


def add_noise(s: Schedule, x0: Tensor, eps: Tensor, t: Time) -> Tensor:
    """x_t = alpha_t x0 + sigma_t eps (Ho et al. 2020, equation 4). x0, eps: (N, C, h, w)."""
    a, sigma = coefficients(s, t, x0)
    return a * x0 + sigma * eps


def tweedie(s: Schedule, xt: Tensor, eps: Tensor, t: Time) -> Tensor:
    """x0 = (x_t - sigma_t eps) / alpha_t, the posterior mean (Efron 2011). xt, eps: (N, C, h, w)."""
    a, sigma = coefficients(s, t, xt)
    return (xt - sigma * eps) / a


def predict(s: Schedule, xt: Tensor, out: Tensor, t: Time, var: Tensor | None = None) -> Pred:
    """A network's output as (x0, eps), whatever it was trained to predict. xt, out: (N, C, h, w).

    v-prediction: v = alpha eps - sigma x0 (Salimans & Ho 2022, appendix D); flow: v = eps - x0 (Liu et al. 2023).
    """
    a, sigma = coefficients(s, t, xt)
    match s.prediction:
        case "epsilon":
            return Pred((xt - sigma * out) / a, out, var)
        case "v_prediction":
            return Pred(a * xt - sigma * out, sigma * xt + a * out, var)
        case "flow":
            return Pred(xt - sigma * out, xt + a * out, var)
        case _:
            return Pred(out, (xt - a * out) / sigma, var)


def ddim(
    s: Schedule, xt: Tensor, x0: Tensor, t: Time, t_prev: Time, eta: float = 0.0, noise: Tensor | None = None
) -> Tensor:
    """One step from t to t_prev (Song et al. 2021, equations 12 and 16). xt, x0, noise: (N, C, h, w).

    It takes x0, not eps: an x0 that views agreed on (or that was clipped) carries its own eps = (xt - alpha x0) / sigma.
    The variance eta² (sigma'/sigma)² (sigma² - (alpha/alpha')² sigma'²) is DDIM's for the DDPM family, and holds for flows.
    """
    a, sigma = coefficients(s, t, xt)
    a_prev, sigma_prev = coefficients(s, t_prev, xt)
    eps = (xt - a * x0) / sigma
    if not eta:
        return a_prev * x0 + sigma_prev * eps
    if noise is None:
        raise ValueError(f"eta = {eta} adds noise at every step: give noise, shaped as xt")
    var = eta**2 * (sigma_prev / sigma) ** 2 * (sigma**2 - (a / a_prev) ** 2 * sigma_prev**2)
    return a_prev * x0 + (sigma_prev**2 - var) ** 0.5 * eps + var**0.5 * noise


class Solver(Protocol):
    """(s, xt, x0, t, t_prev, past, draw) -> (x_prev, past): `past` is a multistep solver's memory, `draw` gives noise."""

    def __call__(
        self, s: Schedule, xt: Tensor, x0: Tensor, t: Time, t_prev: Time, past: tuple, draw: Callable[[], Tensor]
    ) -> tuple[Tensor, tuple]: ...


def ddim_solver(eta: float = 0.0) -> Solver:
    """`ddim` as a solver: eta 0 is deterministic and draws nothing, eta 1 has the ancestral sampler's variance."""

    def solve(s, xt, x0, t, t_prev, past, draw):
        return ddim(s, xt, x0, t, t_prev, eta, draw() if eta else None), past

    return solve


class Step(NamedTuple):
    """State after step i (from time t): `x` is x_prev, `x0` what the step believed, `past` the solver's memory."""

    i: int
    t: Time
    x: Tensor
    x0: Tensor
    past: tuple = ()


def randn(shape: Sequence[int], rngs: Sequence[torch.Generator], like: Tensor | None = None) -> Tensor:
    """Standard normal (B, *shape), item b from its own CPU generator: the same whatever the batch, device or GPU count."""
    dtype = torch.float32 if like is None else like.dtype
    x = torch.stack([torch.randn(tuple(shape), generator=rng, dtype=dtype) for rng in rngs])
    return x if like is None else x.to(like.device)

"""The equations everything shares, in the papers' letters: x_t = alpha_t x0 + sigma_t eps.

A time `t` is what the network takes: an integer for the DDPM family, a float for flow models, or a tensor (N,) that
gives each row its own. A Schedule (`schedules.py`) turns it into (alpha_t, sigma_t); nothing here
knows which family it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, Protocol, cast, overload

import torch
from torch import Tensor

from synoptic.errors import InputError
from synoptic.utils.arguments import Axes, check_argument

Time = float | Tensor
Number = float | Tensor  # one for all rows, or a tensor that gives each its own
Rows = Annotated[Tensor, Axes("B, C, h, w")]  # pictures, latents or views


class Pred(NamedTuple):
    """What a network believes of x_t, all (N, C, h, w): `x0` and `eps` (both, since alpha_t may be 0), `var` if learned."""

    x0: Tensor
    eps: Tensor
    var: Tensor | None = None


class Schedule(Protocol):
    """`s(t)` is (alpha_t, sigma_t); `s.final_time` the clean image's; `prediction` what the network's output means."""

    @property
    def prediction(self) -> str: ...

    @property
    def final_time(self) -> Time: ...

    @property
    def learned_variance(self) -> bool: ...

    @property
    def clip(self) -> Callable[[Tensor], Tensor] | None: ...

    @overload
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(self, t: float) -> tuple[float, float]: ...

    def network_time(self, t: Time) -> Time:
        """Return the time that the network is given in place of t."""
        ...

    def steps(self, n: int, scheduler: str | None = None) -> Sequence[tuple[Time, Time]]:
        """Return n pairs (t, t_prev) that meet, noisiest first; at the times of another scheduler class if one is named."""
        ...


def check_time(t: object, least: float, most: float, whole: bool = False) -> None:
    """Raise InputError where a time is no number or tensor, or not from `least` to `most`; `whole`: a tensor has integers.

    A tensor on another device than the CPU is not looked into, which would wait for it.
    """
    check_argument("t", t, Time)
    if isinstance(t, Tensor):
        if t.dtype == torch.bool or t.is_complex() or (whole and t.is_floating_point()):
            raise InputError(f"t must be a tensor of whole numbers, one of {t.dtype} was given: convert it", rule="t-type")
        if t.device.type != "cpu" or not t.numel():
            return
        low, high = t.min().item(), t.max().item()
    else:
        low = high = float(cast(float, t))
    for value in (low, high):
        if not least <= value <= most:
            raise InputError(
                f"t must be a time of the schedule, {least:g} to {most:g}, {value:g} was given: correct it", rule="t-range"
            )


def coefficients(s: Schedule, t: Time, x: Tensor) -> tuple[Number, Number]:
    """Return (alpha_t, sigma_t) as numbers, or for a tensor t (N,) as (N, 1, …) in the dtype and on the device of x."""
    a, sigma = s(t)
    if isinstance(a, Tensor) and isinstance(sigma, Tensor) and a.ndim:
        shape = (-1, *[1] * (x.ndim - 1))
        a, sigma = a.to(x).view(shape), sigma.to(x).view(shape)
    return a, sigma


def add_noise(s: Schedule, x0: Tensor, eps: Tensor, t: Time) -> Tensor:
    """Return x_t = alpha_t x0 + sigma_t eps (Ho et al. 2020, equation 4). x0, eps: (N, C, h, w)."""
    a, sigma = coefficients(s, t, x0)
    return a * x0 + sigma * eps


def tweedie(s: Schedule, xt: Tensor, eps: Tensor, t: Time) -> Tensor:
    """Return x0 = (x_t - sigma_t eps) / alpha_t, the posterior mean (Efron 2011). xt, eps: (N, C, h, w)."""
    a, sigma = coefficients(s, t, xt)
    return (xt - sigma * eps) / a


def pred_from_output(s: Schedule, xt: Tensor, output: Tensor, t: Time, var: Tensor | None = None) -> Pred:
    """Return a network's output as (x0, eps), whatever it was trained to predict. xt, output: (N, C, h, w).

    v-prediction: v = alpha eps - sigma x0 (Salimans & Ho 2022, appendix D); flow: v = eps - x0 (Liu et al. 2023).
    """
    a, sigma = coefficients(s, t, xt)
    match s.prediction:
        case "epsilon":
            return Pred((xt - sigma * output) / a, output, var)
        case "v_prediction":
            return Pred(a * xt - sigma * output, sigma * xt + a * output, var)
        case "flow":
            return Pred(xt - sigma * output, xt + a * output, var)
        case _:
            return Pred(output, (xt - a * output) / sigma, var)


def ddim(
    s: Schedule, xt: Tensor, x0: Tensor, t: Time, t_prev: Time, eta: float = 0.0, noise: Tensor | None = None
) -> Tensor:
    """Return one step from t to t_prev (Song et al. 2021, equations 12 and 16). xt, x0, noise: (N, C, h, w).

    It takes x0, not eps: an x0 that views agreed on (or that was clipped) carries its own eps = (xt - alpha x0) / sigma.
    eta is in [0, 1]. The variance eta² sigma'² (1 - (alpha sigma' / alpha' sigma)²) is DDIM's for the DDPM family, and
    holds for flows. Raises ValueError where eta > 0 comes without noise.
    """
    a, sigma = coefficients(s, t, xt)
    a_prev, sigma_prev = coefficients(s, t_prev, xt)
    eps = (xt - a * x0) / sigma
    if not eta:
        return a_prev * x0 + sigma_prev * eps
    if noise is None:
        raise ValueError(f"eta = {eta} adds noise at every step: give noise, shaped as xt")
    fresh = eta**2 * (1 - (a / a_prev * sigma_prev / sigma) ** 2)  # share of sigma'² that is drawn anew, in [0, 1]
    return a_prev * x0 + sigma_prev * ((1 - fresh) ** 0.5 * eps + fresh**0.5 * noise)


class Solver(Protocol):
    """(s, xt, x0, t, t_prev, history, noise_sampler, var) -> (x_prev, history).

    `history` is a multistep solver's memory, `noise_sampler` gives noise, `var` is `Pred.var`, as the views agreed on it.
    There is no eps: that of a network is no longer true once views have agreed on x0.
    """

    def __call__(
        self,
        s: Schedule,
        xt: Tensor,
        x0: Tensor,
        t: Time,
        t_prev: Time,
        history: tuple,
        noise_sampler: Callable[[], Tensor],
        var: Tensor | None = None,
    ) -> tuple[Tensor, tuple]: ...


def ddim_solver(eta: float = 0.0) -> Solver:
    """Return `ddim` as a solver: eta 0 is deterministic and draws nothing, eta 1 has the ancestral sampler's variance.

    Raises ValueError where eta is not in [0, 1]: beyond it the variance can exceed all the noise there is.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be between 0 and 1, not {eta}")

    def solve(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        return ddim(s, xt, x0, t, t_prev, eta, noise_sampler() if eta else None), history

    return solve


def check_generators(rngs: Sequence[torch.Generator], n: int) -> None:
    """Raise ValueError where noise of n pictures, or rows, would be drawn by more or fewer generators."""
    if len(rngs) != n:
        raise ValueError(f"every row of x needs a generator of its own, {len(rngs)} were given for {n} rows: give {n} rngs")


def randn(shape: Sequence[int], rngs: Sequence[torch.Generator], like: Tensor | None = None) -> Tensor:
    """Draw standard normal (B, *shape), item b by its own CPU generator: the same for any batch, device and GPU count."""
    dtype = torch.float32 if like is None else like.dtype
    x = torch.stack([torch.randn(tuple(shape), generator=rng, dtype=dtype) for rng in rngs])
    return x if like is None else x.to(like.device)

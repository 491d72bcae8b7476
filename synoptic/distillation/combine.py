"""The one formula behind SDS, CSD, NFSD, VSD, SDI and ISM: a weighted sum of noises at x_t (Yu et al. 2024, CSD).

grad = w(t) (a_cond eps_cond + a_null eps_null + a_negative eps_negative + a_student eps_student + a_noise eps)

loss        cond   null      negative      student   noise   x_t and eps
SDS         s      1 - s                             -1      drawn
CSD         w1     w2 - w1   -w2                             drawn
NFSD        s      1 - s     -[t >= 200]                     drawn
VSD         s      1 - s                   -1                drawn
SDI, ISM    s      1 - s                             -1      by inversion
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, add_noise, coefficients, randn
from synoptic.distillation.base import Believe, Loss, pull
from synoptic.distillation.timesteps import Times, uniform
from synoptic.distillation.weights import Weight, one

Amounts = Callable[[int, Tensor], Mapping[str, Any]]  # (step, t) -> {branch: a number, or one a row (N,)}
Noised = Callable[[Tensor, Tensor, Any, Sequence[torch.Generator]], tuple[Tensor, Tensor]]  # -> x_t and its "noise"


def combine(
    believe: Believe,
    s: Schedule,
    amounts: Amounts,
    *,
    times: Times | None = None,
    weight: Weight = one,
    noised: Noised | None = None,
) -> Loss:
    """The loss of the formula above. A branch whose amount is the number 0 need not exist.

    times: 20 … 980 by default; weight: w(t); noised: (x, t, camera, rngs) -> (x_t, eps), drawn by default.
    """
    times, noised = times or uniform(), noised or drawn(s)

    @torch.no_grad()
    def gradient(x: Tensor, step: int, camera: Any, rngs: Sequence[torch.Generator]) -> Tensor:
        t = times(step, rngs)
        xt, eps = noised(x, t, camera, rngs)
        every = {name: p.eps for name, p in believe(xt, t, camera).items()} | {"noise": eps}
        terms = [rows(k, x) * every[name] for name, k in amounts(step, t).items() if isinstance(k, Tensor) or k]
        return weight(*coefficients(s, t, x)) * torch.stack(terms).sum(0)

    return lambda x, step, camera, rngs: pull(x, gradient(x, step, camera, rngs))


def drawn(s: Schedule) -> Noised:
    """x_t = alpha_t x + sigma_t eps with eps drawn from the rows' generators."""

    def noised(x: Tensor, t: Tensor, camera: Any, rngs: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        eps = randn(x.shape[1:], rngs, x)
        return add_noise(s, x, eps, t), eps

    return noised


def rows(k: Any, x: Tensor) -> Any:
    """A number as it is; one a row (N,) as (N, 1, …), in the dtype and on the device of x."""
    return k.to(x).view(-1, *[1] * (x.ndim - 1)) if isinstance(k, Tensor) else k

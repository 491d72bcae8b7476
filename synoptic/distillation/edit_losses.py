"""The one formula behind DDS and PDS: a picture is moved as its own source would not be.

    grad = psi(t) (x - source) + chi(t) (eps_target - eps_source)

Both eps are guided and share t and eps, so that what the model thinks of either picture cancels and the edit is left.
psi pulls back to the source: 0 in DDS, in PDS what the stride between its two times makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, add_noise, randn
from synoptic.distillation.base import Loss, pull
from synoptic.distillation.combine import rows
from synoptic.distillation.timesteps import Times
from synoptic.guidance.cfg import Predict

Pair = Callable[[Tensor], tuple[Any, Any]]  # t -> (psi, chi), each a number or one a row (N,)


def difference(predict: Predict, s: Schedule, source: Tensor, pair: Pair, times: Times) -> Loss:
    """The loss of the formula above, one batch: `predict` is cfg(model, [*targets, *sources], scale).

    source (N, C, h, w) is the x to be edited, in the space of the loss's x.
    """

    @torch.no_grad()
    def gradient(x: Tensor, step: int, camera: Any, rngs: Sequence[torch.Generator]) -> Tensor:
        t, eps = times(step, rngs), randn(x.shape[1:], rngs, x)
        tt = torch.cat([t, t])
        p = predict(add_noise(s, torch.cat([x, source]), torch.cat([eps, eps]), tt), tt, camera)
        target, before = p.eps.chunk(2)
        psi, chi = (rows(k, x) for k in pair(t))
        return psi * (x - source) + chi * (target - before)

    return lambda x, step, camera, rngs: pull(x, gradient(x, step, camera, rngs))

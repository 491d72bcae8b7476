"""Branches that are exact: each a Gaussian or a mixture, whose score is known in closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule
from synoptic.distillation.optimize import OptimStep
from tests.exact import SHAPE, Mixture, ddpm, generators, normal

S = ddpm()


def gaussian(seed: int = 0, spread: float = 0.3, s: Schedule = S) -> Mixture:
    return Mixture(s, means=normal(1, *SHAPE, seed=seed), spreads=(spread,), weights=(1.0,))


def by_row(denoise: Callable[..., Pred]) -> Callable[..., Pred]:
    """Each row at its own time."""

    def predict(x: Tensor, t: Tensor, views: Any = None) -> Pred:
        every = [denoise(x[k : k + 1], int(t[k])) for k in range(len(x))]
        return Pred(torch.cat([p.x0 for p in every]), torch.cat([p.eps for p in every]))

    return predict


def believer(**denoisers: Callable[..., Pred]) -> Callable[..., dict[str, Pred]]:
    return lambda x, t, camera=None: {name: by_row(denoise)(x, t) for name, denoise in denoisers.items()}


def guided(target: Callable[..., Pred], source: Callable[..., Pred]) -> Callable[..., Pred]:
    """What cfg gives of targets and, below them, sources."""

    def predict(x: Tensor, t: Tensor, views: Any = None) -> Pred:
        n = len(x) // 2
        a, b = by_row(target)(x[:n], t[:n]), by_row(source)(x[n:], t[n:])
        return Pred(torch.cat([a.x0, b.x0]), torch.cat([a.eps, b.eps]))

    return predict


def gradient(loss: Callable[..., Tensor], x: Tensor, rngs: list[torch.Generator], step: int = 0) -> Tensor:
    x = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(loss(x, step, None, rngs), x)
    return grad


def resumed_to_the_bit(begin: Callable[..., Iterator[OptimStep]]) -> list[OptimStep]:
    """Check that (generators, state) -> steps, stopped after its first step, ends as it does in one; return its steps."""
    whole, states = [], []
    for step in begin(generators()):
        whole.append(step)
        states.append(step.state())
    rest = list(begin([torch.Generator() for _ in range(2)], states[0]))
    assert len(rest) == len(whole) - 1 and torch.equal(rest[-1].x, whole[-1].x)
    assert all(torch.equal(value, states[-1][name]) for name, value in rest[-1].state().items())
    return whole

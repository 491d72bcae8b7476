"""The plain denoising loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Rows, Schedule, Solver, Time, check_generators, ddim_solver, randn
from synoptic.guidance.cfg import Predict
from synoptic.sampling.step import Step
from synoptic.utils.arguments import typed


@typed
@torch.no_grad()
def sample(
    predict: Predict,
    s: Schedule,
    x: Rows,
    *,
    steps: Sequence[tuple[Time, Time]],
    solver: Solver | None = None,
    rngs: Sequence[torch.Generator] = (),
    start: int = 0,
    history: tuple = (),
) -> Iterator[Step]:
    """Denoise x (B, C, h, w) along `steps`, pairs (t, t_prev); yield every Step, the last one clean.

    `solver` is deterministic DDIM unless given. `rngs`, one a row, serve solvers that add noise. To resume, give the x,
    `history` and generators of a Step, and its i + 1 as `start`.
    """
    solver = solver or ddim_solver()

    def noise_sampler() -> Tensor:
        check_generators(rngs, len(x))
        return randn(x.shape[1:], rngs, x)

    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        p = predict(x, t)
        x, history = solver(s, x, p.x0, t, t_prev, history, noise_sampler, p.var)
        yield Step(i, t, x, p.x0, history, n=len(steps))

"""The plain denoising loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, Solver, Step, Time, ddim_solver, randn
from synoptic.guidance.cfg import Predict


@torch.no_grad()
def sample(
    predict: Predict,
    s: Schedule,
    x: Tensor,
    *,
    steps: Sequence[tuple[Time, Time]],
    solve: Solver | None = None,
    rngs: Sequence[torch.Generator] = (),
    start: int = 0,
    past: tuple = (),
) -> Iterator[Step]:
    """Denoise x (B, C, h, w) along `steps`, pairs (t, t_prev); yield every Step, the last one clean.

    `solve` is deterministic DDIM unless given. `rngs`, one a row, serve solvers that add noise. To resume, give the x,
    `past` and generators of a Step, and its i + 1 as `start`.
    """
    solve = solve or ddim_solver()

    def draw() -> Tensor:
        return randn(x.shape[1:], rngs, x)

    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        p = predict(x, t)
        x, past = solve(s, x, p.x0, t, t_prev, past, draw, p.var)
        yield Step(i, t, x, p.x0, past)

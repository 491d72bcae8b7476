"""Inpainting: the known part is put back at every step, at that step's noise; RePaint steps back to let both agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, Solver, Time, coefficients, ddim_solver, randn
from synoptic.guidance.cfg import Predict
from synoptic.io.blending import extend_inward
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step

TimestepPairs = Sequence[tuple[Time, Time]]


@torch.no_grad()
def inpaint(
    predict: Predict,
    s: Schedule,
    x: Tensor,
    known: Tensor,
    mask: Tensor,
    *,
    steps: TimestepPairs,
    resample: int = 1,
    jump: int = 10,
    reach: float = 0.0,
    solver: Solver | None = None,
    rngs: Sequence[torch.Generator],
    start: int = 0,
    history: tuple = (),
) -> Iterator[Step]:
    """Paint where mask is 1 from noise x, keep `known` where it is 0 (Lugmayr et al. 2022, algorithm 1).

    x, known (B, C, h, w); mask (B or 1, 1, h, w) in [0, 1]. What is known comes back to the bit where the last step ends
    clean: `schedules.pair_up`. `resample` 1 walks straight down; r > 1 goes back `jump` steps
    r - 1 times after every `jump` of them (`repaint_schedule`), which is paid for in calls of the model. `reach` is
    `keep_known`'s. Resumes as `sample` does, at
    an index of the walk. A canvas larger than the model is painted by `joint.joint_predict`'s predict.
    """
    path = repaint_schedule(steps, jump, resample)
    solver = keep_known(solver or ddim_solver(), known, mask, reach)
    ends = [k for k in range(1, len(path)) if path[k][0] >= path[k - 1][0]]  # where the walk turns back
    for begin, end in zip([0, *ends], [*ends, len(path)], strict=True):
        if begin and start == begin:
            x, history = renoise(s, x, path[begin - 1][1], path[begin][0], randn(x.shape[1:], rngs, x)), ()
        for step in sample(predict, s, x, steps=path[:end], solver=solver, rngs=rngs, start=start, history=history):
            x, history, start = step.x, step.history, step.i + 1
            yield replace(step, n=len(path))


def repaint_schedule(steps: TimestepPairs, jump: int, resample: int) -> list[tuple[Time, Time]]:
    """Return RePaint's walk over n steps: where 1, j + 1, 2 j + 1, … are left, j = `jump`, it takes the last j again.

    It does so `resample` - 1 times, so its length is n + (resample - 1) j ceil((n - j) / j): the paper's 250 steps, 10 and
    10 are 2410 calls of the model. Raises ValueError where jump or resample is below 1.
    """
    if jump < 1 or resample < 1:
        raise ValueError(f"jump and resample must be at least 1, not {jump} and {resample}")
    path: list[tuple[Time, Time]] = []
    for i, step in enumerate(steps):
        path.append(step)
        left = len(steps) - 2 - i
        if 0 <= left < len(steps) - jump and left % jump == 0:
            path += list(steps[i + 1 - jump : i + 1]) * (resample - 1)
    return path


def renoise(s: Schedule, x: Tensor, t: Time, t_up: Time, noise: Tensor) -> Tensor:
    """Draw from q(x_t_up | x_t) over any stride (Ho et al. 2020, equation 2). x, noise: (B, C, h, w); t_up is noisier."""
    a, sigma = coefficients(s, t, x)
    a_up, sigma_up = coefficients(s, t_up, x)
    r = a_up / a
    return r * x + (sigma_up**2 - r**2 * sigma**2) ** 0.5 * noise


def keep_known(solver: Solver, known: Tensor, mask: Tensor, reach: float = 0.0) -> Solver:
    """Return a solver after whose step the known part is itself again, noised to t_prev; where
    the schedule ends clean, exactly.

    Where the mask is soft, x0 is blended with `known`, and the noise of both so that it keeps its variance: their plain
    blend would have too little, which a network takes for blur. With a `reach` above 0, what x0 is off by at the border is
    carried into the mask over so many pixels or latents, so that later steps begin from a picture without an edge.
    """
    spread = torch.hypot(mask, 1 - mask)

    def solve(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        if reach:
            x0 = x0 + extend_inward(known - x0, mask == 0, reach)
        x, history = solver(s, xt, x0, t, t_prev, history, noise_sampler, var)
        a, sigma = coefficients(s, t_prev, x)
        noise = (mask * (x - a * x0) + (1 - mask) * sigma * noise_sampler()) / spread
        return a * (mask * x0 + (1 - mask) * known) + noise, history

    return solve

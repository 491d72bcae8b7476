"""FlowEdit: from a picture straight to its edit, without passing through noise (Kulikov et al. 2025)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, Time, coefficients, randn
from synoptic.guidance.cfg import Predict
from synoptic.sampling.step import Step


@torch.no_grad()
def flow_edit(
    predict: Predict,
    s: Schedule,
    source: Tensor,
    *,
    steps: Sequence[tuple[Time, Time]],
    start: int,
    rngs: Sequence[torch.Generator],
) -> Iterator[Step]:
    """Yield the source (B, C, h, w) moved by what two prompts' velocities differ in, at the
    same noise (algorithm 1, n_min 0).

    z <- z + (sigma' - sigma) (v_target(z + x_sigma - source) - v_source(x_sigma)), x_sigma = (1 - sigma) source + sigma n
    with new n at every step. `predict` is asked about 2B rows: of the source's prompt, then of the target's. A model of
    another schedule is a flow of x / (alpha + sigma), whose noise share is sigma / (alpha + sigma). Raises ValueError where
    no step is left to take.
    """
    if not 0 <= start < len(steps):
        raise ValueError(f"start must be the index of a step, 0 to {len(steps) - 1}, not {start}")
    z = source
    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        (a, sigma), (a_prev, sigma_prev) = coefficients(s, t, z), coefficients(s, t_prev, z)
        share, share_prev = sigma / (a + sigma), sigma_prev / (a_prev + sigma_prev)
        noised = (1 - share) * source + share * randn(source.shape[1:], rngs, source)
        p = predict((a + sigma) * torch.cat([noised, z + noised - source]), t)
        before, after = (p.eps - p.x0).chunk(2)
        z = z + (share_prev - share) * (after - before)
        yield Step(i, t, z, z - share_prev * (after - before), n=len(steps))

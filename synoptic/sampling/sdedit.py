"""SDEdit: noise a picture part of the way and denoise it to a prompt (Meng et al. 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule, Solver, Time, add_noise, randn
from synoptic.guidance.cfg import Predict
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step


def sdedit(
    predict: Predict,
    s: Schedule,
    x0: Tensor,
    *,
    steps: Sequence[tuple[Time, Time]],
    start: int,
    solver: Solver | None = None,
    rngs: Sequence[torch.Generator],
) -> Iterator[Step]:
    """Noise x0 (B, C, h, w) to the time of steps[start], then take the other steps: the later the start, the closer.

    A canvas larger than the model is edited by `joint.joint_predict`'s predict. The Steps are `sample`'s, which also
    resumes them. Raises ValueError where no step is left to take.
    """
    if not 0 <= start < len(steps):
        raise ValueError(f"start must be the index of a step, 0 to {len(steps) - 1}, not {start}")
    x = add_noise(s, x0, randn(x0.shape[1:], rngs, x0), steps[start][0])
    return sample(predict, s, x, steps=steps, solver=solver, rngs=rngs, start=start)


def start_index(strength: float, steps: int) -> int:
    """Return the start whose share of the steps is `strength`, rounded down: 1 repaints all. At least one step is taken.

    That is diffusers' rule. Raises ValueError where strength is not in (0, 1].
    """
    if not 0 < strength <= 1:
        raise ValueError(f"strength must be above 0 and at most 1, not {strength}")
    return steps - max(1, int(steps * strength))

"""Views with a state each: middle steps are repeated, the first ends alone (Chang et al. 2025, LookingGlass).

Views that start from noise of their own need time to find one picture: in the middle of the way a step is taken, noised
again with noise of each view's own, and taken again. At the end, where only details are left, the first view paints alone,
so that no blend of two dims them; the others see its picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.diffusion.solvers import get_solver, timestep_pairs
from synoptic.models.base import Denoiser
from synoptic.sampling.inpaint import renoise
from synoptic.sampling.joint import instance
from synoptic.sampling.joint_sampler import JointSampler, PredictFor
from synoptic.sampling.step import Step
from synoptic.views.base import Projection

MIDDLE = 0.2, 0.8  # shares of the steps between which they are repeated


def repeats_of(steps: int, repeats: int, first_alone: float = 0.0) -> list[int]:
    """Return how often each of `steps` steps is taken: `repeats` times in the middle, unless the first view is alone."""
    joint = steps - alone_steps(steps, first_alone)
    return [repeats if MIDDLE[0] * steps <= i < MIDDLE[1] * steps and i < joint else 1 for i in range(steps)]


def alone_steps(steps: int, first_alone: float) -> int:
    """Return how many of the last steps the first view takes alone."""
    return round(first_alone * steps)


@dataclass(frozen=True)
class RepeatingSampler(JointSampler):
    """A `JointSampler` of views with a state each that repeats its middle steps, and ends with the first view alone.

    `first_alone` is the share of steps that the first view takes by itself: `first`, its projection and its prediction.
    """

    repeats: int = 1
    first_alone: float = 0.0
    first: tuple[Projection, PredictFor] | None = None

    def sample(self, model: Denoiser, views: Projection, rngs: Sequence[torch.Generator]) -> Iterator[Step]:
        """Denoise from noise to the end. Raises ValueError where the first view ends alone, and was not given by itself."""
        s, solver = model.schedule, get_solver(self.sampler, self.eta)
        pairs = timestep_pairs(self.sampler, s, self.num_steps)
        often, alone = repeats_of(len(pairs), self.repeats, self.first_alone), alone_steps(len(pairs), self.first_alone)
        x, predict, history, i = self.init_noise(model, views, rngs), self.predict_for(model), (), 0
        for k, (pair, times) in enumerate(zip(pairs, often, strict=True)):
            if alone and k == len(pairs) - alone:
                if self.first is None:
                    raise ValueError("the first view ends alone, but was not given by itself")
                x, history = x[:: len(views)], ()
                views, predict = self.first[0], self.first[1](model)
            for again in range(times):
                if again:
                    x, history = renoise(s, x, pair[1], pair[0], own_noise(x, rngs)), ()
                (step,) = instance(predict, s, views, x, steps=[pair], sync=self.sync, solver=solver, history=history)
                x, history = step.x, step.history
                yield replace(step, i=i, n=sum(often), decode=lambda z: z)
                i += 1


def own_noise(x: Tensor, rngs: Sequence[torch.Generator]) -> Tensor:
    """Return noise of each view's own, as x (B*N, C, h, w), of one generator a picture."""
    return randn((len(x) // len(rngs), *x.shape[1:]), rngs, x).flatten(0, 1)

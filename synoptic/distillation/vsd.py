"""VSD: variational score distillation (Wang et al. 2023, ProlificDreamer, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from synoptic.diffusion.equations import Schedule
from synoptic.distillation.base import Believe, Loss
from synoptic.distillation.combine import combine, drawn
from synoptic.distillation.timesteps import Times, uniform
from synoptic.distillation.weights import Weight, variance
from synoptic.utils.state_dict import add_prefix, flatten_optimizer, load_optimizer, strip_prefix


def vsd(believe: Believe, s: Schedule, scale: float = 7.5, *, times: Times | None = None, weight: Weight = variance) -> Loss:
    """grad = w(t) (eps_null + scale (eps_cond - eps_null) - eps_student).

    Branches: cond, null and student, the score of the renders themselves, which `Learning` trains beside the scene.
    """
    return combine(believe, s, lambda step, t: {"cond": scale, "null": 1 - scale, "student": -1}, times=times, weight=weight)


class Learning:
    """The student's half of the algorithm: min |eps_student(x_t, t) - eps|², `steps` steps of AdamW for each render.

    `student` is the module whose parameters learn; `believe` needs no other branch than "student" and is differentiable in
    them. A row's loss is its mean, and rows are summed: what one student learns does not depend on the batch.

    Raises ValueError where steps is below 1.
    """

    def __init__(
        self,
        student: torch.nn.Module,
        believe: Believe,
        s: Schedule,
        *,
        lr: float = 1e-4,
        steps: int = 1,
        times: Times | None = None,
    ) -> None:
        if steps < 1:
            raise ValueError(f"a student takes at least 1 step for each render, not {steps}: it would never learn")
        self.student, self.believe, self.steps = student, believe, steps
        self.times, self.noised = times or uniform(0, 999), drawn(s)
        self.optimiser = torch.optim.AdamW(student.parameters(), lr, betas=(0.9, 0.99), eps=1e-15)

    def learn(self, x: Tensor, camera: Any, rngs: Sequence[torch.Generator]) -> None:
        for _ in range(self.steps):
            self._step(x, camera, rngs)

    def _step(self, x: Tensor, camera: Any, rngs: Sequence[torch.Generator]) -> None:
        t = self.times(0, rngs)
        xt, eps = self.noised(x, t, camera, rngs)
        with torch.enable_grad():
            wrong = self.believe(xt, t, camera)["student"].eps - eps
            self.optimiser.zero_grad()
            wrong.square().flatten(1).mean(1).sum().backward()
            self.optimiser.step()

    def state_dict(self) -> dict[str, Tensor]:
        return add_prefix("student", self.student.state_dict()) | add_prefix("optimiser", flatten_optimizer(self.optimiser))

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.student.load_state_dict(strip_prefix("student", state))
        load_optimizer(self.optimiser, strip_prefix("optimiser", state))

"""What distillation is made of: a loss is a function whose gradient in x is the paper's formula.

`branch_predict` is a frozen model's prediction by branch: (x_t, t, camera) -> {"cond": Pred, "null": Pred, …}, which is
what `batching.predict_branches` returns. Times are tensors (N,) of the CPU, one a row, each drawn from its row's own
generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

Camera = TypeVar("Camera", contravariant=True)  # what a scene draws for a step and is rendered from


class Loss(Protocol[Camera]):
    """(x, step, camera, rngs) -> a scalar whose gradient in x is the paper's. x: (N, C, h, w), one generator a row."""

    def __call__(self, x: Tensor, step: int, camera: Camera, rngs: Sequence[torch.Generator]) -> Tensor: ...


class Learner(Protocol[Camera]):
    """What is trained beside the scene, VSD's student, on the renders x (N, C, h, w) as they come."""

    def learn(self, x: Tensor, camera: Camera, rngs: Sequence[torch.Generator]) -> None: ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that a resumed run needs, under flat names."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None: ...


def loss_from_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """Return a scalar whose gradient in x is exactly `grad`: its value says nothing. (0.5 mse would hide 1/N in it.)"""
    return (grad.detach() * x).sum()

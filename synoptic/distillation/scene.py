"""What a scene is to distillation: parameters, a camera and a differentiable render."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

Camera = TypeVar("Camera")


class Render(NamedTuple):
    """A render `image` (B, C, H, W), and what the scene itself asks to be kept small: a scalar added to the loss."""

    image: Tensor
    penalty: Tensor | float = 0.0


class Scene(Protocol[Camera]):
    """Anything with parameters that can be looked at: a torch module with a camera and a render."""

    def parameters(self) -> Iterator[torch.nn.Parameter]: ...

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> Camera:
        """Return where to look from at this step, drawn from one generator a row; None where there is one place only."""
        ...

    def render(self, camera: Camera) -> Render:
        """Render what the camera sees, differentiable in the parameters.

        The image is no parameter itself: steps change those in place.
        """
        ...

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object: ...

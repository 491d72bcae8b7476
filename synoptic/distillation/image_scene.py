"""Pictures as scenes: the parameters are the picture's own numbers, and there is one place to look from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synoptic.distillation.scene import Render
from synoptic.utils.building import one_at_a_time


class LatentImage(torch.nn.Module):
    """B pictures as a latent model's x (B, C, h, w), without bounds. `decode` shows them."""

    @one_at_a_time
    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = torch.nn.Parameter(x.detach().clone())

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> None:
        return None

    def render(self, camera: None) -> Render:
        return Render(self.x.clone())


class PixelImage(torch.nn.Module):
    """B pictures (B, 3, H, W) in [-1, 1]: for a pixel model as they are, for a latent model through its `encode`.

    The render is cut to the range, and the gradient passes as if it were not: a pixel that left it finds its way back.
    """

    @one_at_a_time
    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = torch.nn.Parameter(image.detach().clone())

    def camera(self, rngs: Sequence[torch.Generator], step: int) -> None:
        return None

    def render(self, camera: None) -> Render:
        return Render(self.image + (self.image.clamp(-1, 1) - self.image).detach())

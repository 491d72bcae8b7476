"""What views are: pairs of maps between one canvas and the pictures a model can denoise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Projection(Protocol):
    """N views of a canvas. Laws: unproject(project(z)) == z, and project∘unproject is idempotent."""

    @property
    def canvas(self) -> tuple[int, int, int]:
        """(C, H, W) of the canvas."""
        ...

    def __len__(self) -> int:
        """Return N, the number of views."""
        ...

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Project the canvas z (B, C, H, W) to views (B*N, C, h, w), row b*N + n; keep `onto` beyond the canvas."""
        ...

    def unproject(self, x: Tensor) -> Tensor:
        """Bring views x (B*N, C, h, w) back to the canvas (B, C, H, W), averaged where they overlap."""
        ...

    def scaled(self, k: int) -> Projection:
        """Return the same views of a canvas k times finer: pixels for latents, stage II for stage I."""
        ...

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        """Draw noise on the canvas, one generator a picture, and project it: (B*N, C, h, w) as `like`."""
        ...


def check_canvas(z: Tensor, canvas: tuple[int, int, int]) -> None:
    """Raise ValueError where z is no canvas (B, C, H, W) of this height and width, whatever its channels."""
    _, H, W = canvas
    if z.ndim != 4 or z.shape[-2:] != (H, W):
        raise ValueError(f"a canvas is (B, C, {H}, {W}), {tuple(z.shape)} was given: make the views for its size")


def by_picture(x: Tensor, views: int, size: tuple[int, int] | None = None) -> Tensor:
    """Return views x (B*N, C, h, w) as (B, N, C, h, w). Raises ValueError where x is not N views of each, of this size."""
    h, w = size or x.shape[-2:]
    if x.ndim != 4 or len(x) % views or x.shape[-2:] != (h, w):
        raise ValueError(f"x must be {views} views of each picture, (B*{views}, C, {h}, {w}), not {tuple(x.shape)}")
    return x.unflatten(0, (-1, views))


class View(Protocol):
    """One way of looking at a square picture of any side. Valid for diffusion when it turns white noise into white noise."""

    @property
    def name(self) -> str:
        """As people type it: "rotate_cw", "inner_rotate:45", "rotate_cw+negate"."""
        ...

    def view(self, z: Tensor) -> Tensor:
        """Return the picture z (B, C, S, S) as this view shows it, same shape. ValueError on a side it cannot divide."""
        ...

    def inverse_view(self, x: Tensor) -> Tensor:
        """Return the picture of a view x (B, C, S, S), in the same shape: exactly, or as well as a lossy view can."""
        ...

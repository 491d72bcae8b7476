"""What every loop yields: a Step, which knows its canvas, its views, and how to show itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from synoptic import io
from synoptic.diffusion.equations import Time
from synoptic.views.base import Projection

if TYPE_CHECKING:
    from PIL.Image import Image

Decode = Callable[[Tensor], Tensor]  # canvases (B, C, H, W) -> images (B, 3, H', W') in [-1, 1]


@dataclass(frozen=True)
class Step:
    """State after step i of n, from time t: `x` is x_prev, `x0` what the step predicted, `history` the solver's memory.

    With a `projection`, x and x0 are its canvas (B, C, H, W), or with `per_view` its views (B*N, C, h, w), row b*N + n.
    `decode` turns canvases into images. `state()`, where a loop can be resumed, is all that it needs for that, as a flat
    table for safetensors; `grad_norm` (B,) is the norm of the gradient that an optimization followed.
    """

    i: int
    t: Time
    x: Tensor
    x0: Tensor
    history: tuple = ()
    projection: Projection | None = None
    per_view: bool = False
    n: int = 0
    decode: Decode | None = None
    state: Callable[[], Mapping[str, Tensor]] | None = None
    grad_norm: Tensor | None = None

    @property
    def canvas(self) -> Tensor:
        """Return x on the canvas: (B, C, H, W)."""
        return self._on_canvas(self.x)

    @property
    def canvas_x0(self) -> Tensor:
        """Return x0 on the canvas: (B, C, H, W)."""
        return self._on_canvas(self.x0)

    @property
    def views(self) -> Tensor | None:
        """Return x as the views show it, (B*N, C, h, w); None where there are no views."""
        if self.projection is None:
            return None
        return self.x if self.per_view else self.projection.project(self.x)

    @torch.no_grad()
    def images(self) -> list[Image]:
        """Return the canvas as pictures. Raises ValueError in a loop that has no decoder."""
        return io.to_pil(self._decode(self.canvas))

    @torch.no_grad()
    def preview(self, item: int = 0, side: int = 64) -> Image:
        """Return a small picture of x0: at most `side` pixels of the model's own, latents for instance, are decoded."""
        x0 = self.canvas_x0[item : item + 1]
        scale = side / max(x0.shape[-2:])
        if scale < 1:
            size = [max(1, round(length * scale)) for length in x0.shape[-2:]]
            x0 = interpolate(x0, size, mode="bilinear", antialias=True)
        return io.to_pil(self._decode(x0))[0]

    def _on_canvas(self, x: Tensor) -> Tensor:
        return self.projection.unproject(x) if self.projection is not None and self.per_view else x

    def _decode(self, z: Tensor) -> Tensor:
        if self.decode is None:
            raise ValueError("this loop knows no decoder: decode step.canvas with the model's")
        return self.decode(z)

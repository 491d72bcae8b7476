"""Hybrids: one picture as a sum of components, each painted to a prompt of its own (Geng et al. 2024b)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from synoptic.diffusion.equations import Rows, randn
from synoptic.utils.arguments import typed
from synoptic.views.base import by_picture
from synoptic.views.device_copies import DeviceCopies


@typed
class Factorized:
    """Views of a sum: every view is the canvas itself, and gives one component of it back.

    canvas (C, H, W); `components`, (B, C, H, W) -> (B, C, H, W) each, are linear and sum to the identity
    (`get_components`), so that unproject(project(z)) == z. Under sync "eps" each prompt paints its component:
    eps = sum_n c_n(eps_n) (composite noise estimate, Geng et al. 2024b). Valid because every view is white noise itself.

    `known`, (1 or B, C, h, w), is a photograph that gives the first component; the others are painted (the
    paper's inverse problem): unproject(x) = c_0(known) + sum_n c_n(x_{n-1}), with a view less. It is resized to the canvas.
    A photograph is a clean picture, so this form is for sync "x0".

    Raises ValueError where no component would be painted, and where `known` has other channels than the canvas.
    """

    def __init__(
        self,
        canvas: tuple[int, int, int],
        components: Sequence[Callable[[Tensor], Tensor]],
        known: Rows | None = None,
    ) -> None:
        self.canvas, self.components, self.known = canvas, tuple(components), known
        self.free_components = self.components if known is None else self.components[1:]
        if not self.free_components:
            raise ValueError("a hybrid needs at least one component to paint: give more components")
        if known is not None and known.shape[1] != canvas[0]:
            raise ValueError(f"the known picture must have the canvas's {canvas[0]} channels, not {known.shape[1]}")
        first = None if known is None else self.components[0](_resized(known, canvas[1:]))
        self.known_component = None if first is None else DeviceCopies(first)

    def __len__(self) -> int:
        return len(self.free_components)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Repeat the canvas z (B, C, H, W) N times: (B*N, C, H, W), row b*N + n. `onto` has no say."""
        return z.repeat_interleave(len(self), 0)

    def unproject(self, x: Tensor) -> Tensor:
        """Sum each view's own component of x (B*N, C, H, W), and the known one: (B, C, H, W)."""
        rows = by_picture(x, len(self)).unbind(1)
        total = torch.stack([component(row) for component, row in zip(self.free_components, rows, strict=True)]).sum(0)
        return total if self.known_component is None else total + self.known_component.like(total)

    def scaled(self, k: int) -> Factorized:
        C, H, W = self.canvas
        return Factorized((C, H * k, W * k), self.components, self.known)

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.project(randn(self.canvas, rngs, like))


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if picture.shape[-2:] == torch.Size(size):
        return picture
    return interpolate(picture, size, mode="bilinear", antialias=True)

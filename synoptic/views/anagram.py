"""Anagrams: one picture that is another when looked at another way (Geng et al. 2024a, Visual Anagrams)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import randn
from synoptic.utils.arguments import typed
from synoptic.utils.counted import counted
from synoptic.views.base import View, by_picture
from synoptic.views.permutation import square_side

Blend = Callable[[Sequence[Tensor], Sequence[float]], Tensor]  # pictures (B, C, S, S) and their weights -> one of them


def blend_mean(pictures: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the weighted sum of pictures (B, C, S, S)."""
    return torch.stack([w * x for w, x in zip(weights, pictures, strict=True)]).sum(0)


@typed
class Anagram:
    """N ways of looking at one canvas, as a Projection. Exact where every view is: then unproject(project(z)) == z.

    canvas (C, S, S) is square. `weights`, one positive number a view, say how much each has to say in `unproject`; they
    are normalized, and equal unless given. `blend` makes one picture of the views seen back: their weighted mean, or
    `laplacian.blend_pyramids`.

    Raises ValueError without views, for a side that a view cannot divide, and where weights are not one a view, above 0.
    """

    def __init__(
        self,
        canvas: tuple[int, int, int],
        views: Sequence[View],
        weights: Sequence[float] | None = None,
        blend: Blend = blend_mean,
    ) -> None:
        weights = [1.0] * len(views) if weights is None else list(weights)
        if not views:
            raise ValueError("an anagram needs at least one view, none was given: begin with identity")
        if len(weights) != len(views) or min(weights) <= 0:
            raise ValueError(f"weights are one number above 0 for each of {counted(len(views), 'view')}, not {weights}")
        self.canvas, self.views, self.blend = canvas, tuple(views), blend
        self.weights = tuple(w / sum(weights) for w in weights)
        blank = torch.zeros(1, *canvas, dtype=torch.float32)
        square_side(blank)
        for view in views:
            view.view(blank)

    def __len__(self) -> int:
        return len(self.views)

    def project(self, z: Tensor, onto: Tensor | None = None) -> Tensor:
        """Show z (B, C, S, S) by every view: (B*N, C, S, S), row b*N + n. Every view is covered, so `onto` has no say."""
        return torch.stack([view.view(z) for view in self.views], 1).flatten(0, 1)

    def unproject(self, x: Tensor) -> Tensor:
        """Blend the views x (B*N, C, S, S), each seen back: (B, C, S, S)."""
        rows = by_picture(x, len(self)).unbind(1)
        return self.blend([view.inverse_view(row) for view, row in zip(self.views, rows, strict=True)], self.weights)

    def scaled(self, k: int) -> Anagram:
        C, H, W = self.canvas
        return Anagram((C, H * k, W * k), self.views, self.weights, self.blend)

    def noise(self, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        return self.project(randn(self.canvas, rngs, like))

"""Permutations: views that move pixels and change none, of visual anagrams (Geng et al. 2024a, Visual Anagrams)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from synoptic.errors import check_at_least
from synoptic.utils.arguments import typed


@typed
class Permutation:
    """A view that moves every pixel to a place of its own. Valid because white noise permuted is white noise.

    `indices` says for a picture of side S where each pixel of the view comes from: (S, S) or (S*S,), row after row, pixel p
    of the view shows pixel places[p] of the picture. It is asked once a side, and raises ValueError for sides it cannot do.

    Raises ValueError, on first use of a side, where `indices` is no permutation, and where a picture is not square.
    """

    def __init__(self, name: str, indices: Callable[[int], Tensor]) -> None:
        self.name = name
        self._index_function = indices
        self._cache: dict[tuple[int, torch.device], tuple[Tensor, Tensor]] = {}

    def indices(self, side: int) -> Tensor:
        """Return, for each pixel of the view, which pixel of the picture it shows: (side*side,) int64."""
        check_at_least("side", side, 1)
        return self._indices_on(side, torch.device("cpu"))[0]

    def view(self, z: Tensor) -> Tensor:
        """Move the pixels of z (B, C, S, S)."""
        return self._move(z, 0)

    def inverse_view(self, x: Tensor) -> Tensor:
        """Move every pixel of x (B, C, S, S) back where it was, bitwise."""
        return self._move(x, 1)

    def _move(self, x: Tensor, way: int) -> Tensor:
        return x.flatten(2)[:, :, self._indices_on(square_side(x), x.device)[way]].view_as(x)

    def _indices_on(self, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return places there and back."""
        if (side, device) not in self._cache:
            there = self._index_function(side).flatten()
            back = there.argsort()
            if not torch.equal(there[back], torch.arange(side * side)):
                raise ValueError(f"a permutation shows each of {side}x{side} pixels once, {self.name} does not: correct it")
            self._cache[side, device] = there.to(device), back.to(device)
        return self._cache[side, device]


def square_side(x: Tensor) -> int:
    """Return the side of square pictures (B, C, S, S). Raises ValueError where they are not square, or have other axes."""
    if x.ndim != 4:
        raise ValueError(f"a view is of pictures (B, C, S, S), {tuple(x.shape)} was given: x[None] adds an axis")
    H, W = x.shape[-2:]
    if H != W:
        raise ValueError(f"a view turns and moves square pictures, {H}x{W} was given: crop it to a square")
    return H


def index_grid(side: int) -> Tensor:
    """Return every pixel's own number, (side, side) int64: a permutation of this picture is a permutation's `indices`."""
    return torch.arange(side * side).view(side, side)

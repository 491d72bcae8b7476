"""Negation: the picture's photographic negative."""

from __future__ import annotations

from torch import Tensor

from synoptic.utils.arguments import typed


@typed
class Negate:
    """Dark for light and each hue for its opposite: x -> -x. Valid because the normal distribution is symmetric about 0."""

    name = "negate"

    def view(self, z: Tensor) -> Tensor:
        """Return the negative of z (B, C, S, S) in [-1, 1]."""
        return -z

    def inverse_view(self, x: Tensor) -> Tensor:
        """Return the negative of a negative."""
        return -x

"""Views one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from synoptic.utils.arguments import typed
from synoptic.views.base import View


@typed
class Chain:
    """Several views as one, from left to right: "rotate_cw+negate" turns, then negates.

    Valid where every part is: white noise stays white through each. Exact where every part is exact.
    Raises ValueError without any part.
    """

    def __init__(self, views: Sequence[View]) -> None:
        if not views:
            raise ValueError("a chain needs at least one view, none was given: use identity")
        self.views = tuple(views)
        self.name = "+".join(view.name for view in views)

    def view(self, z: Tensor) -> Tensor:
        """Apply the parts to z (B, C, S, S), the first part first."""
        for part in self.views:
            z = part.view(z)
        return z

    def inverse_view(self, x: Tensor) -> Tensor:
        """Undo the parts on x (B, C, S, S), the last part first."""
        for part in reversed(self.views):
            x = part.inverse_view(x)
        return x

"""One layer's change by a LoRA, as its file has it. Imports nothing heavy."""

from __future__ import annotations

from typing import NamedTuple


class Layer(NamedTuple):
    """The tensors' names of one layer's change: A (r, in), B (out, r), and alpha, which is r where there is none.

    Of B's rows it has those from `rows`' first to its second, of as many equal parts as the third says.
    """

    down: str
    up: str
    alpha: str | None
    rows: tuple[int, int, int] = (0, 1, 1)

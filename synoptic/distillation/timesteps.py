"""Which noise levels a loss asks about: (step, rngs) -> t (N,), whole times on the CPU, one generator a row.

Times are the network's own, 0 … 999 for the DDPM family; 20 … 980 is the usual range of a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Times = Callable[[int, Sequence[torch.Generator]], Tensor]


def uniform(first: int = 20, last: int = 980) -> Times:
    """Drawn uniformly, both ends included (Poole et al. 2023, section 3.2). Raises ValueError unless 0 <= first <= last."""
    return narrowing(first, last, last, 1)


def narrowing(first: int, last: int, to: int, steps: int) -> Times:
    """Uniform from `first` to an upper end that falls from `last` to `to` in `steps` steps (Wang et al. 2023, VSD).

    Raises ValueError unless 0 <= first <= to, last and steps >= 1.
    """
    _door(first, min(last, to), steps)
    end = ramp(last, to, steps)

    def draw(step: int, rngs: Sequence[torch.Generator]) -> Tensor:
        return torch.cat([torch.randint(first, round(end(step)) + 1, (1,), generator=rng) for rng in rngs])

    return draw


def falling(last: int, first: int, steps: int, power: float = 1.0) -> Times:
    """Not drawn: last - (last - first) (step / steps)^power for all rows. Linear in SDI; power 0.5 is HiFA's.

    Lukoianov et al. 2024 (SDI); Zhu et al. 2024 (HiFA). Raises ValueError unless 0 <= first <= last.
    """
    _door(first, last, steps)

    def at(step: int, rngs: Sequence[torch.Generator]) -> Tensor:
        return torch.full((len(rngs),), round(last - (last - first) * min(1.0, step / steps) ** power))

    return at


def ramp(first: float, last: float, steps: int) -> Callable[[int], float]:
    """From `first` to `last` in so many steps, straight, then constant."""
    return lambda step: first + (last - first) * min(1.0, step / steps)


def _door(first: int, last: int, steps: int) -> None:
    if not 0 <= first <= last:
        raise ValueError(f"times must have 0 <= first <= last, not {first} and {last}: exchange them")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")

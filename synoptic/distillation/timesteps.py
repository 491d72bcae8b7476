"""At which noise levels a loss asks the model: (step, rngs) -> t (N,), whole times on the CPU, one generator per row.

Times are the network's own, 0 … 999 for the DDPM family; 20 … 980 is the usual range of a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

TimestepSampler = Callable[[int, Sequence[torch.Generator]], Tensor]


def uniform_timesteps(first: int = 20, last: int = 980) -> TimestepSampler:
    """Return times drawn uniformly, both ends included (Poole et al. 2023). Raises ValueError unless 0 <= first <= last."""
    return narrowing_timesteps(first, last, last, 1)


def narrowing_timesteps(first: int, last: int, to: int, steps: int) -> TimestepSampler:
    """Return times drawn from `first` to an upper end that falls from `last` to `to` (Wang et al. 2023, VSD).

    Raises ValueError unless 0 <= first <= to, last and steps >= 1.
    """
    _check(first, min(last, to), steps)
    end = linear_schedule(last, to, steps)

    def draw(step: int, rngs: Sequence[torch.Generator]) -> Tensor:
        return torch.cat([torch.randint(first, round(end(step)) + 1, (1,), generator=rng) for rng in rngs])

    return draw


def falling_timesteps(last: int, first: int, steps: int, power: float = 1.0) -> TimestepSampler:
    """Return times that are not drawn: last - (last - first) (step / steps)^power for all rows.

    Linear in SDI (Lukoianov et al. 2024); power 0.5 is HiFA's (Zhu et al. 2024). Raises ValueError unless
    0 <= first <= last.
    """
    _check(first, last, steps)

    def at(step: int, rngs: Sequence[torch.Generator]) -> Tensor:
        return torch.full((len(rngs),), round(last - (last - first) * min(1.0, step / steps) ** power))

    return at


def alternating_timesteps(last: int, first: int, steps: int) -> TimestepSampler:
    """Return times that fall as a root, every second one drawn from there to `last`.

    Raises ValueError unless 0 <= first <= last.
    """
    falling, noisier = falling_timesteps(last, first, steps, 0.5), noisier_timesteps(last, first, steps)
    return lambda step, rngs: noisier(step, rngs) if step % 2 else falling(step, rngs)


def noisier_timesteps(last: int, first: int, steps: int) -> TimestepSampler:
    """Return times drawn up to `last` from a lower end that falls as a root. Raises ValueError unless 0 <= first <= last."""
    falling = falling_timesteps(last, first, steps, 0.5)

    def draw(step: int, rngs: Sequence[torch.Generator]) -> Tensor:
        low = int(falling(step, rngs)[0])
        return torch.cat([torch.randint(low, last + 1, (1,), generator=rng) for rng in rngs])

    return draw


def linear_schedule(first: float, last: float, steps: int) -> Callable[[int], float]:
    """Return a straight line by step, from `first` to `last` in so many steps, then constant."""
    return lambda step: first + (last - first) * min(1.0, step / steps)


def _check(first: int, last: int, steps: int) -> None:
    if not 0 <= first <= last:
        raise ValueError(f"times must have 0 <= first <= last, not {first} and {last}: exchange them")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")


TIMESTEPS: dict[str, Callable[[int, int, int], TimestepSampler]] = {  # (first, last, steps), by the names that people type
    "none": lambda first, last, steps: uniform_timesteps(first, last),
    "narrow": lambda first, last, steps: narrowing_timesteps(first, last, min(last, max(first, 500)), steps),
    "linear": lambda first, last, steps: falling_timesteps(last, first, steps),
    "sqrt": lambda first, last, steps: falling_timesteps(last, first, steps, 0.5),
    "alternate": lambda first, last, steps: alternating_timesteps(last, first, steps),
}

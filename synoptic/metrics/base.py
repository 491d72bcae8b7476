"""What a measurement says: its numbers, their mean and its standard error, as a table and as JSON.

The rule of this room: a function of one picture returns a number, a function of a set returns a Metric.
`Metric("seam", {name: seam(image, starts, 4) for name, image in pictures.items()})` takes the first to the second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import SupportsFloat

from synoptic.errors import InputError


@dataclass(frozen=True)
class Metric:
    """One metric on a set: a number an item (a prompt, or a picture), in order. Raises InputError where there is no item.

    `clip_model` names the CLIP that scored, if one did. `set_error` is the standard error of a metric that belongs to the
    set as a whole (the Fréchet distance: one item, its error by the jackknife); otherwise it follows from the items.
    """

    name: str
    items: dict[str, float]
    clip_model: str = ""
    set_error: float | None = None

    def __post_init__(self) -> None:
        if not self.items:
            raise InputError(
                f"{self.name} needs at least one picture, none was given: name those to measure", rule="metric-empty"
            )

    @property
    def mean(self) -> float:
        return mean_error(self.items.values())[0]

    @property
    def error(self) -> float | None:
        """The standard error of the mean; None where it is not defined: one item, or an infinite one."""
        error = mean_error(self.items.values())[1] if self.set_error is None else self.set_error
        return error if math.isfinite(error) else None

    def __str__(self) -> str:
        lines = [f"{self.name}\titem", *(f"{value:.4f}\t{item}" for item, value in self.items.items())]
        error = "" if self.error is None else f" ± {self.error:.4f}"
        by = f"\tby {self.clip_model}" if self.clip_model else ""
        return "\n".join([*lines, f"{self.mean:.4f}{error}\tmean of {len(self.items)}{by}"])

    def as_json(self) -> dict[str, object]:
        """Return name, clip_model, mean, error, items; null stands for infinity (the PSNR of equal pictures)."""
        items = {item: finite_or_none(value) for item, value in self.items.items()}
        return {
            "name": self.name,
            "clip_model": self.clip_model,
            "mean": finite_or_none(self.mean),
            "error": self.error,
            "items": items,
        }


def finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def mean_error(values: Iterable[SupportsFloat]) -> tuple[float, float]:
    """Return the mean of N independent values and its standard error s / √N, s with N - 1 below; of one value nan."""
    x = [float(value) for value in values]
    mean = math.fsum(x) / len(x)
    if len(x) < 2:
        return mean, math.nan
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in x) / (len(x) - 1) / len(x))


def mean_by_prompt(prompts: Sequence[str], values: Iterable[SupportsFloat]) -> dict[str, float]:
    """Return the mean of each prompt's pictures, from prompts and values of pictures, in order of first appearance.

    The courses' average: several pictures of one prompt first, then prompts. Raises ValueError on unequal lengths.
    """
    found: dict[str, list[float]] = {}
    for prompt, value in zip(prompts, values, strict=True):
        found.setdefault(prompt, []).append(float(value))
    return {prompt: math.fsum(some) / len(some) for prompt, some in found.items()}

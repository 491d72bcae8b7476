"""Ratios, areas, distributions, and the package's own means and distances: the arithmetic of every measurement."""

from __future__ import annotations

import torch
from torch import Tensor

from synoptic.metrics.base import mean_error as mean_error
from synoptic.metrics.frechet import frechet as frechet
from synoptic.metrics.frechet import jackknife as jackknife
from synoptic.metrics.retrieval import ranks as ranks


def ratio_error(above: Tensor, below: Tensor, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """mean(above) / mean(below) and its standard error: a bootstrap over the rows, the prompts, which both (P, …) share."""
    a, b = (x.double().flatten(1).mean(1) if x.ndim > 1 else x.double() for x in (above, below))
    rows = torch.randint(len(a), (draws, len(a)), generator=torch.Generator().manual_seed(seed))
    drawn = a[rows].mean(1) / b[rows].mean(1).clamp(min=1e-9)
    return (a.mean() / b.mean().clamp(min=1e-9)).item(), drawn.std().item()


def area_under_curve(right: Tensor, wrong: Tensor) -> float:
    """The chance in [0, 1] that a value of `right` (N,) is greater than one of `wrong` (M,); ties count half."""
    ordered = wrong.double().sort().values
    below, upto = (torch.searchsorted(ordered, right.double(), right=side) for side in (False, True))
    return ((below + upto).double().mean() / (2 * len(wrong))).item()


def overlap(right: Tensor, wrong: Tensor, bins: int = 100) -> float:
    """The area in [0, 1] that the histograms of two sets of cosines, each of area 1, share."""
    a, b = (torch.histc(x.float(), bins, -1, 1) / x.numel() for x in (right, wrong))
    return torch.minimum(a, b).sum().item()


def distribution(x: Tensor) -> dict[str, float]:
    """Mean, standard deviation and percentiles of the values (N,)."""
    x = x.double()
    at = (1, 5, 25, 50, 75, 95, 99)
    levels = x.quantile(torch.tensor([p / 100 for p in at], dtype=x.dtype)).tolist()
    return {"mean": x.mean().item(), "sd": x.std().item()} | {f"p{p}": v for p, v in zip(at, levels, strict=True)}

"""Means with their errors, ratios, areas, distances: the arithmetic of every measurement, all in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def mean_error(values: Tensor | Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error, of at least two independent values."""
    x = torch.as_tensor(values, dtype=torch.float64)
    return x.mean().item(), (x.std() / len(x) ** 0.5).item()


def ratio_error(above: Tensor, below: Tensor, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """mean(above) / mean(below) and its standard error: a bootstrap over the rows, the prompts, which both (P, …) share."""
    a, b = (x.double().flatten(1).mean(1) if x.ndim > 1 else x.double() for x in (above, below))
    rows = torch.randint(len(a), (draws, len(a)), generator=torch.Generator().manual_seed(seed))
    drawn = a[rows].mean(1) / b[rows].mean(1).clamp(min=1e-9)
    return (a.mean() / b.mean().clamp(min=1e-9)).item(), drawn.std().item()


def ranks(cosines: Tensor, right: Tensor) -> Tensor:
    """How many of the texts fit better than the right one: (N, M) and (N,) -> (N,), 0 the best."""
    return (cosines > cosines.gather(1, right[:, None])).sum(1)


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


def frechet(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of the Gaussians fitted to features (N, D) and (M, D) (Heusel et al. 2017, equation 6)."""
    a, b = a.double(), b.double()
    root = _root(a.T.cov())
    cross = torch.linalg.eigvalsh(root @ b.T.cov() @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return (apart + a.var(0).sum() + b.var(0).sum() - 2 * cross).item()


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def jackknife(statistic: Callable[[Tensor], float], rows: int, groups: int = 10) -> tuple[float, float]:
    """statistic(all rows) and its standard error: the groups, every tenth row each, are left out in turn."""
    every = torch.arange(rows)
    left_out = torch.tensor([statistic(every[every % groups != g]) for g in range(groups)], dtype=torch.float64)
    spread = (left_out - left_out.mean()).square().sum() * (groups - 1) / groups
    return statistic(every), spread.sqrt().item()

"""Fréchet distance: how far are generated pictures, as a set, from a set of references?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from synoptic.errors import InputError
from synoptic.metrics.base import Metric
from synoptic.metrics.clip import Clip


def frechet_distance(clip_model: Clip, images: Sequence[Image.Image], references: Sequence[Image.Image]) -> Metric:
    """Measure the Fréchet distance in CLIP's unit features, of N pictures to M references, its error by a jackknife.

    One item, as the distance belongs to the set. It grows as sets shrink (Bińkowski et al. 2018): compare only distances of
    sets of the same sizes, better above the features' dimension. Raises InputError under three pictures on a side.
    """
    for name, some in (("pictures", images), ("references", references)):
        if len(some) < 3:  # two, and one more to leave out
            raise InputError(
                f"the Fréchet distance needs at least three {name}, {len(some)} were given: make more", rule="frechet-count"
            )
    a, b = clip_model.encode_images(images), clip_model.encode_images(references)
    groups = min(10, len(a), len(b))

    def of(kept: Tensor) -> float:
        return frechet(*(x[torch.isin(torch.arange(len(x)) % groups, kept)] for x in (a, b)))

    distance, error = jackknife(of, groups, groups)
    return Metric("Fréchet distance", {f"{len(a)} pictures to {len(b)}": distance}, clip_model.name, error)


def frechet(a: Tensor, b: Tensor) -> float:
    """Return |μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½) of features (N, D), (M, D), in float64 (Heusel et al. 2017, equation 6).

    With centered features A = Qa Ra and B = Qb Rb, the trace of the root is the sum of the singular values of Ra Rbᵀ over
    √((N - 1) (M - 1)): no root of a matrix is taken, so covariances may be singular. Raises ValueError under two rows a side
    and on unequal D.
    """
    if min(len(a), len(b)) < 2 or a.shape[1:] != b.shape[1:] or a.ndim != 2:
        raise ValueError(
            "frechet needs two rows or more of the same features on each side,"
            f" {tuple(a.shape)} and {tuple(b.shape)} were given: measure more pictures with one CLIP"
        )
    a, b = a.double(), b.double()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    cross = torch.linalg.svdvals(qr_triangle(a) @ qr_triangle(b).T).sum()
    return max(0.0, (apart + a.square().sum() + b.square().sum() - 2 * cross).item())


def jackknife(statistic: Callable[[Tensor], float], rows: int, groups: int = 10) -> tuple[float, float]:
    """Return statistic(all rows) and its standard error (Tukey 1958): groups, every tenth row each, are left out in turn."""
    every = torch.arange(rows)
    left_out = torch.tensor([statistic(every[every % groups != g]) for g in range(groups)], dtype=torch.float64)
    spread = (left_out - left_out.mean()).square().sum() * (groups - 1) / groups
    return statistic(every), spread.sqrt().item()


def qr_triangle(x: Tensor) -> Tensor:
    return torch.linalg.qr(x, mode="r").R

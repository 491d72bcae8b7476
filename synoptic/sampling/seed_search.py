"""Seed search in two heats: every seed in a few quick steps, then the best of them as they will be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.models.base import Denoiser
from synoptic.sampling.multistage import Together
from synoptic.views.base import Views

Score = Callable[[Tensor], Tensor]  # canvases (B, C, H, W) -> (B,), more is better
HEAT = 8  # steps of DPM-Solver++ in the first heat: with fewer, what a seed will become cannot be told
FINALISTS = 2  # for each picture that is wanted


class Round(NamedTuple):
    """Seeds and their scores after so many steps, best first."""

    steps: int
    seeds: list[int]
    scores: list[float]


@torch.no_grad()
def heats(
    together: Together,
    model: Denoiser,
    views: Views,
    seeds: Sequence[int],
    score: Score,
    *,
    keep: int = 1,
    heat: int = HEAT,
) -> Iterator[Round]:
    """Paint all seeds in `heat` steps, then the best 2 * keep of them in all steps; the last Round has the finalists.

    x0 halfway (successive halving) was tried, and tells less about a seed's end than a whole picture in as many steps. Of 16
    seeds and 25 steps the search costs 7.1 times what one picture does. Where `heat` is no fewer than all steps there is
    one Round, of every finished picture.
    """

    def painted(how: Together, some: Sequence[int]) -> Round:
        *_, step = how.paint(model, views, [torch.Generator().manual_seed(seed) for seed in some])
        scores = score(step.x)
        best = scores.argsort(descending=True, stable=True)
        return Round(how.steps, [some[k] for k in best.tolist()], scores[best].tolist())

    if heat < together.steps:
        yield (first := painted(replace(together, steps=heat, sampler="dpm++", eta=0.0), seeds))
        seeds = first.seeds[: FINALISTS * keep]
    yield painted(together, seeds)

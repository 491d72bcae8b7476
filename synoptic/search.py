"""Seed search by successive halving (Jamieson & Talwalkar 2016): many seeds begin, the best x0 so far go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from synoptic.models.base import Denoiser
from synoptic.stages import Together
from synoptic.views.base import Views

Score = Callable[[Tensor], Tensor]  # canvases (B, C, H, W) -> (B,), more is better
PLAN = (0.2, 6 / 16), (0.4, 3 / 16), (0.6, 2 / 16)  # after this share of the steps, this share of the seeds goes on


class Round(NamedTuple):
    """Seeds and their scores after so many steps, best first."""

    steps: int
    seeds: list[int]
    scores: list[float]


@torch.no_grad()
def halving(
    together: Together,
    model: Denoiser,
    views: Views,
    seeds: Sequence[int],
    score: Score,
    *,
    keep: int = 1,
    plan: Sequence[tuple[float, float]] = PLAN,
) -> Iterator[Round]:
    """Denoise all seeds at once, and after each share of the steps only the best; the last Round has the finished ones.

    Scores are of x0 as the step believes it. At least `keep` seeds go on each time. With the plan above 16 seeds cost 5.8
    times as much as one; an empty plan scores every finished picture, which costs 16. Of the shares that so few steps
    cannot tell apart the last one counts.
    """
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    x, alive, done = together.begin(model, views, rngs), list(seeds), 0
    past: tuple = ()
    stops = {round(share * together.steps): part for share, part in plan}
    early = [(stop, part) for stop, part in stops.items() if 0 < stop < together.steps]
    for stop, part in [*early, (together.steps, 0.0)]:
        *_, step = islice(together.go(model, views, x, rngs, start=done, past=past), stop - done)
        scores = score(together.canvas(views, step.x if stop == together.steps else step.x0))
        best = scores.argsort(descending=True, stable=True)
        yield Round(stop, [alive[k] for k in best], scores[best].tolist())
        best, of = best[: max(keep, round(part * len(seeds)))], len(alive)
        alive, rngs, done = [alive[k] for k in best], [rngs[k] for k in best], stop
        x = rows(step.x, best, of)
        past = tuple(rows(u, best, of) if isinstance(u, Tensor) else u for u in step.past)


def rows(u: Tensor, pictures: Tensor, of: int) -> Tensor:
    """The rows of some of so many pictures, all views of each: (of*N, …) -> (len(pictures)*N, …)."""
    return u.unflatten(0, (of, -1))[pictures.to(u.device)].flatten(0, 1)

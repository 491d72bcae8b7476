"""Several prompts on one canvas: each view is told its own, or a mean of them (prompt travel, regions)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.guidance.cfg import Predict, guided
from synoptic.models.base import Cond, Denoiser
from synoptic.views.sharded import Shared
from synoptic.views.subset import Part


class Voice(NamedTuple):
    """A prompt, what not to paint, and how strongly: guidance 1 is off. `prompts` has one a picture."""

    prompts: Sequence[str]
    negative: str = ""
    guidance: float = 1.0


Mix = Callable[[Any], Tensor]  # this step's views (N) -> (N, J), how much each view hears of every voice; rows sum to 1


def voices(
    model: Denoiser,
    every: Sequence[Voice],
    mix: Mix,
    *,
    clip: Callable[[Tensor], Tensor] | None = None,
    rows: int | None = None,
) -> Predict:
    """Classifier-free guidance whose prompt depends on the view: row b*N + n is told the mean of embeddings by `mix`.

    Its negative and its guidance are the same mean. One voice that all hear is `guidance.cfg`. `clip` and `rows` as there.
    """
    told = [model.embed(list(voice.prompts)) for voice in every]
    null = [model.embed([voice.negative] * len(voice.prompts)) for voice in every]
    scales = torch.tensor([voice.guidance for voice in every])
    last: list[tuple[Tensor, Predict]] = []

    def predict(x: Tensor, t: Time, where: Any = None) -> Pred:
        w = mix(where.views)[list(where.rows)] if isinstance(where, Part | Shared) else mix(where)
        if not last or not torch.equal(w, last[0][0]):
            conds = {"cond": mixed(told, w)} | ({"null": mixed(null, w)} if bool((scales != 1).any()) else {})
            scale = (w @ scales.to(w)).repeat(len(every[0].prompts)).view(-1, 1, 1, 1).to(x)
            last[:] = [(w, guided(model, conds, scale, clip=clip, rows=rows))]
        return last[0][1](x, t, where)

    return predict


def mixed(told: Sequence[Cond], w: Tensor) -> Cond:
    """J conditions of B rows each, and w (N, J) -> one of B*N rows, row b*N + n."""
    stacked = {key: torch.stack([cond[key] for cond in told]) for key in told[0]}
    return {key: torch.einsum("nj,jb...->bn...", w.to(rows), rows).flatten(0, 1) for key, rows in stacked.items()}


def travel(stops: int, canvas: tuple[int, int, int], loop: bool = False) -> Mix:
    """From the first voice at the left edge to the last at the right one, evenly; with `loop` on to the first again.

    A view hears the mean of what its pixels would.
    """
    _, H, W = canvas
    place = (torch.arange(W, dtype=torch.float64) + 0.5) / W * (stops if loop else stops - 1)
    away = (place - torch.arange(stops)[:, None]).abs()
    away = torch.minimum(away, stops - away) if loop else away
    heard = (1 - away).clamp(min=0)[:, None, None].expand(-1, 1, H, W)
    return lambda views: views.project(heard).mean((1, 2, 3)).view(stops, -1).T


def apart(ground: Mix) -> Mix:
    """Over a `WindowsWithRegions`: the ground hears the first voices by `ground`, each patch one of its own after them."""

    def mix(views: Any) -> Tensor:
        first = ground(views.ground)
        own = torch.eye(len(views.patches), dtype=first.dtype).repeat_interleave(torch.tensor(views.sizes[1:]), 0)
        return torch.block_diag(first, own)

    return mix

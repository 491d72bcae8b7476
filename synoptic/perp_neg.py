"""Perp-Neg: a negative prompt that takes nothing from the positive one (Armandpour et al. 2023, equation 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from synoptic.diffusion import Pred, Time
from synoptic.guidance import Predict, away, branches
from synoptic.models.base import Denoiser

Branches = Callable[..., Mapping[str, Pred]]


def perp_neg(every: Branches, weight: float = 1.0) -> Branches:
    """Branches cond, null and negative, with cond less `weight` times the negative's own part of the guidance.

    With d = cond - null and n = negative - null, cond becomes cond - weight (n - (n·d / d·d) d), row by row: what the
    negative shares with the prompt is left alone. Guidance on these branches is Perp-Neg, in loops and in losses alike; what
    reads other branches reads them unchanged.
    """

    def without(x: Tensor, t: Time, where: Any = None) -> dict[str, Pred]:
        found = dict(every(x, t, where))
        cond, null, negative = (found[name] for name in ("cond", "null", "negative"))
        d, n = cond.eps - null.eps, negative.eps - null.eps
        k = (n * d).flatten(1).sum(1) / (d * d).flatten(1).sum(1).clamp(min=1e-12)
        k = k.view(-1, *[1] * (x.ndim - 1))
        own = (u - v - k * (c - v) for c, v, u in zip(cond[:2], null[:2], negative[:2], strict=True))
        x0, eps = (c - weight * part for c, part in zip(cond[:2], own, strict=True))
        return found | {"cond": Pred(x0, eps, cond.var)}

    return without


def toward(every: Branches, scale: float) -> Predict:
    """null + scale (cond - null) of branches, as a loop's predict."""

    def predict(x: Tensor, t: Time, where: Any = None) -> Pred:
        found = every(x, t, where)
        return away(found["null"], found["cond"], scale)

    return predict


def perp_cfg(model: Denoiser, prompts: Sequence[str], scale: float, negative: str, *, weight: float = 1.0) -> Predict:
    """`guidance.cfg` whose negative prompt, one for all, is Perp-Neg's. Three rows of the model a picture."""
    n = len(prompts)
    texts = {"cond": prompts, "null": [""] * n, "negative": [negative] * n}
    return toward(perp_neg(branches(model, {name: model.embed(some) for name, some in texts.items()}), weight), scale)

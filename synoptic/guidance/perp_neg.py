"""Perp-Neg: a negative prompt that takes nothing from the positive one (Armandpour et al. 2023, equation 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from synoptic.diffusion.equations import Pred, Time
from synoptic.guidance.batching import BranchPredict, predict_branches
from synoptic.guidance.cfg import Predict, extrapolate
from synoptic.models.base import Denoiser
from synoptic.views.base import Projection


def perp_neg(branch_predict: BranchPredict, weight: float = 1.0) -> BranchPredict:
    """Return branches cond, null and negative, with cond less `weight` times the negative's own part of the guidance.

    With d = cond - null and n = negative - null, cond becomes cond - weight (n - (n·d / d·d) d), row by row: what the
    negative shares with the prompt is left alone. Guidance on these branches is Perp-Neg, in loops and in losses alike; what
    reads other branches reads them unchanged.
    """

    def predict(x: Tensor, t: Time, views: Projection | None = None) -> dict[str, Pred]:
        found = dict(branch_predict(x, t, views))
        return found | {"cond": subtract_perpendicular(found, {"negative": weight})}

    return predict


def subtract_perpendicular(branches: Mapping[str, Pred], weights: Mapping[str, float | Tensor]) -> Pred:
    """Return cond less so much, a number or one a row (N,), of each named branch's own part of the guidance, of the same d.

    d and n are differences of x0: those of eps, proportional to them, are all 0 where there is no signal (alpha_t = 0).
    """
    cond, null = branches["cond"], branches["null"]
    d, (x0, eps) = cond.x0 - null.x0, cond[:2]
    per_row = -1, *[1] * (d.ndim - 1)
    for name, weight in weights.items():
        negative = branches[name]
        n = negative.x0 - null.x0
        k = ((n * d).flatten(1).sum(1) / (d * d).flatten(1).sum(1).clamp(min=1e-12)).view(per_row)
        w = weight.to(d).view(per_row) if isinstance(weight, Tensor) else weight
        x0 = x0 - w * (n - k * d)
        eps = eps - w * (negative.eps - null.eps - k * (cond.eps - null.eps))
    return Pred(x0, eps, cond.var)


def cfg_predict(branch_predict: BranchPredict, scale: float) -> Predict:
    """Return null + scale (cond - null) of branches, as a loop's predict."""

    def predict(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
        found = branch_predict(x, t, views)
        return extrapolate(found["null"], found["cond"], scale)

    return predict


def perp_neg_cfg(
    model: Denoiser, prompts: Sequence[str], scale: float, negative_prompt: str, *, weight: float = 1.0
) -> Predict:
    """Return `guidance.cfg` whose negative prompt, one for all, is Perp-Neg's. Three rows of the model a picture."""
    n = len(prompts)
    texts = {"cond": prompts, "null": [""] * n, "negative": [negative_prompt] * n}
    return cfg_predict(
        perp_neg(predict_branches(model, {name: model.embed(some) for name, some in texts.items()}), weight), scale
    )

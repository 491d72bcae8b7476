"""Guidance beyond classifier-free guidance: what is made of a network's outputs with and without the prompt.

A rule is a function (null, cond, scale) -> guided of outputs (N, C, h, w), as the network was trained to give them: eps, v,
or the velocity of a flow. Scale 1 is off in all of them, as in classifier-free guidance.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.linalg import vector_norm

from synoptic.diffusion.equations import Pred, Schedule, Time, coefficients, pred_from_output
from synoptic.guidance.cfg import Predict
from synoptic.models.base import Combine
from synoptic.views.base import Projection

Rule = Callable[[Tensor, Tensor, float | Tensor], Tensor]


def cfg_rescale(null: Tensor, cond: Tensor, scale: float | Tensor, *, share: float = 0.7) -> Tensor:
    """Return classifier-free guidance, `share` of it brought to the deviation of `cond` (Lin et al. 2024, equation 16)."""
    guided = null + scale * (cond - null)
    axes = tuple(range(1, cond.ndim))
    factor = cond.std(axes, keepdim=True) / guided.std(axes, keepdim=True)
    return share * guided * factor + (1 - share) * guided


def apg(null: Tensor, cond: Tensor, scale: float | Tensor, *, eta: float = 0.0, most: float = 15.0) -> Tensor:
    """Return adaptive projected guidance (Sadat et al. 2025, algorithm 1), without its momentum, which samplers would keep.

    The difference cond - null is at most `most` long in each row; of its part along `cond`, which saturates colors, `eta` is
    kept. With eta 1 and no limit it is classifier-free guidance.
    """
    axes = tuple(range(1, cond.ndim))
    difference = cond - null
    difference = difference * (most / vector_norm(difference, dim=axes, keepdim=True).clamp(min=1e-12)).clamp(max=1)
    direction = cond / vector_norm(cond, dim=axes, keepdim=True).clamp(min=1e-12)
    along = (difference * direction).sum(axes, keepdim=True) * direction
    return cond + (scale - 1) * (difference - along + eta * along)


def cfg_zero_star(null: Tensor, cond: Tensor, scale: float | Tensor) -> Tensor:
    """Return CFG-Zero* (Fan et al. 2025, equation 9): guidance away from the part of `null` that is along `cond`.

    Its other half, that a flow stands still at pure noise, is `hold_at_pure_noise`.
    """
    axes = tuple(range(1, cond.ndim))
    null = null * (cond * null).sum(axes, keepdim=True) / ((null * null).sum(axes, keepdim=True) + 1e-8)
    return null + scale * (cond - null)


def hold_at_pure_noise(predict: Predict, s: Schedule) -> Predict:
    """Return `predict` with velocity 0 where alpha_t is 0, so that a flow's first step moves nothing (Fan et al. 2025)."""

    def held(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
        return predict(x, t, views) if s(t)[0] > 1e-6 else Pred(x, x)

    return held


def by_rule(rule: Rule, s: Schedule) -> Combine:
    """Return how `cfg` combines two predictions by a rule, in terms of what the network gives."""

    def combine(x: Tensor, t: Time, null: Pred, cond: Pred, scale: float | Tensor) -> Pred:
        return pred_from_output(s, x, rule(output(s, x, t, null), output(s, x, t, cond), scale), t, cond.var)

    return combine


def output(s: Schedule, x: Tensor, t: Time, p: Pred) -> Tensor:
    """Return the network's output of a prediction: the inverse of `pred_from_output`."""
    match s.prediction:
        case "epsilon":
            return p.eps
        case "v_prediction":
            a, sigma = coefficients(s, t, x)
            return a * p.eps - sigma * p.x0
        case "flow":
            return p.eps - p.x0
        case _:
            return p.x0


RULES: dict[str, Rule] = {"rescale": cfg_rescale, "apg": apg, "zero-star": cfg_zero_star}

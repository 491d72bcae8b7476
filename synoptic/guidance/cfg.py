"""From (model, prompts, scale) to predict(x, t, views): prompts are not known beyond it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil

from torch import Tensor

from synoptic.diffusion.equations import Pred, Time, coefficients
from synoptic.errors import check_at_least, check_multiple
from synoptic.guidance.batching import predict_branches
from synoptic.models.base import Combine, Conditioning, Denoiser
from synoptic.utils.arguments import typed
from synoptic.views.base import Projection

Predict = Callable[..., Pred]  # (x, t, views=None): this step's views, for models whose condition depends on them


@typed
def cfg(
    model: Denoiser,
    prompts: Sequence[str],
    scale: float = 1.0,
    negative_prompt: str = "",
    *,
    clip: Callable[[Tensor], Tensor] | None = None,
    views_per_image: int = 1,
    combine: Combine | None = None,
    max_rows: int | None = None,
) -> Predict:
    """Return classifier-free guidance (Ho & Salimans 2022): null + scale (cond - null), one prompt a picture; 1 is off.

    The null branch is conditioned on `negative_prompt`. `views_per_image` > 1 brings the guidance of every so many rows, the
    views of one picture, to their mean strength, so that no prompt dominates. `clip` acts on the guided x0, before
    any views agree on it, and its eps follows, so that every sync rule sees the same clipped picture. (diffusers keeps the
    unclipped eps.) `combine` guides in another way than the model's own: `rules.by_rule`.

    A scale below 0 guides away from the prompts, which is how some losses invert. Raises InputError where an
    argument is of another kind, the scale not finite, or `max_rows` or `views_per_image` below 1.
    """
    conds: dict[str, Conditioning] = {"cond": model.embed(prompts)}
    if scale != 1:
        conds["null"] = model.embed([negative_prompt] * len(prompts))
    return cfg_from_conditions(
        model, conds, scale, clip=clip, views_per_image=views_per_image, combine=combine, max_rows=max_rows
    )


def cfg_from_conditions(
    model: Denoiser,
    conds: Mapping[str, Conditioning],
    scale: float | Tensor = 1.0,
    *,
    clip: Callable[[Tensor], Tensor] | None = None,
    views_per_image: int = 1,
    combine: Combine | None = None,
    max_rows: int | None = None,
) -> Predict:
    """Return `cfg` of conditions: "cond" alone, or with "null" guided away from it.

    The scale is one for all, or one a row (B*n, 1, 1, 1).
    """
    check_at_least("views_per_image", views_per_image, 1)
    branch_predict, combine = predict_branches(model, conds, max_rows=max_rows), combine or own_combine(model)

    def predict(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
        p = branch_predict(x, t, views)
        out = p["cond"]
        if "null" in conds:
            u, c = p["null"], p["cond"]
            w = scale * equalize_norms(c.x0 - u.x0, views_per_image) if views_per_image > 1 else scale
            out = combine(x, t, u, c, w) if combine else extrapolate(u, c, w)
        if clip:
            x0 = clip(out.x0)
            a, sigma = coefficients(model.schedule, t, x)
            out = Pred(x0, (x - a * x0) / sigma, out.var)
        return out

    return predict


def own_combine(model: Denoiser) -> Combine | None:
    """Return how a family guides in its own way; None where that is plain classifier-free guidance."""
    return getattr(model, "combine", None)


def extrapolate(null: Pred, cond: Pred, scale: float | Tensor) -> Pred:
    """Return null + scale (cond - null), of x0 and of eps (Ho & Salimans 2022, equation 6)."""
    return Pred(null.x0 + scale * (cond.x0 - null.x0), null.eps + scale * (cond.eps - null.eps), cond.var)


def guidance_interval(guided: Predict, unguided: Predict, start_time: Time, end_time: Time) -> Predict:
    """Return `guided` from `start_time` to `end_time`, `unguided` before and after (Kynkäänniemi et al. 2024, equation 5).

    Guidance does harm where there is most noise and little good where there is least; without it a step costs half.
    """

    def predict(x: Tensor, t: Time, views: Projection | None = None) -> Pred:
        return (guided if start_time >= t >= end_time else unguided)(x, t, views)

    return predict


def within_interval(
    share: tuple[float, float], steps: Sequence[tuple[Time, Time]], guided: Predict, unguided: Predict
) -> Predict:
    """Return `guidance_interval` from one share of the steps (t, t_prev) to another."""
    begin, end = guided_steps(share, len(steps))
    return guidance_interval(guided, unguided, steps[begin][0], steps[end - 1][0])


def guided_steps(share: tuple[float, float], steps: int) -> tuple[int, int]:
    """Return the first of so many steps that lies in a share of them, and the first after it."""
    begin, end = (round(part * steps, 6) for part in share)  # 0.56 times 25 is 14 and a little
    return int(begin), ceil(end)


def equalize_norms(guidance: Tensor, views_per_image: int) -> Tensor:
    """Return what brings the rows (B*N, C, h, w) of each picture's N views to their mean norm: (B*N, 1, 1, 1)."""
    check_multiple("the rows of x", len(guidance), views_per_image, "views_per_image")
    norms = guidance.flatten(1).norm(dim=1).view(-1, views_per_image).clamp(min=1e-12)
    return (norms.mean(1, keepdim=True) / norms).view(-1, 1, 1, 1)

"""Many views denoised together: they agree on eps, x0 or xt at every step (Kim et al. 2024, SyncTweedies, table 1).

Each rule in each space; F = `views.project`, G = `views.unproject`:

    sync   instance: state x, one row a view              canonical: state z on the canvas, x = F(z)
    none   x  <- solve(x, x0)                             -
    eps    eps <- F(G(eps)), then as none                 z <- solve(z, tweedie(z, G(eps)))      Visual Anagrams
    x0     x0 <- F(G(x0)), then as none    SyncTweedies   z <- solve(z, G(x0))
    xt     x  <- F(G(solve(x, x0)))                       z <- G(solve(x, x0))                   MultiDiffusion

For views with F∘G a projection and G∘F the identity (crops: wide pictures), a deterministic solver and one start noise
x = F(z), the six are one algorithm, equal to rounding. They part with independent noise and with lossy views.

Flows begin where there is no signal, and no x0 can be had of eps: there "eps" is the velocity v = eps - x0, which views
agree on as they would on eps, x0 = z - sigma G(v).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from synoptic.diffusion.equations import (
    Pred,
    Rows,
    Schedule,
    Solver,
    Time,
    check_generators,
    coefficients,
    ddim_solver,
    pred_from_output,
    randn,
    tweedie,
)
from synoptic.guidance.cfg import Predict
from synoptic.sampling.step import Step
from synoptic.utils.arguments import typed
from synoptic.views.base import Projection
from synoptic.views.factorized import Factorized

Sync = Literal["eps", "x0", "xt", "none"]
Space = Literal["instance", "canonical"]
Views = Projection | Callable[[int], Projection]  # the same at every step, or those of step i
ViewUpdate = Callable[[Tensor, Time, Projection], Tensor]  # (x, t, views) -> x, rows of views moved (SyncDiffusion)


@typed
@torch.no_grad()
def instance(
    predict: Predict,
    s: Schedule,
    views: Views,
    x: Rows,
    *,
    steps: Sequence[tuple[Time, Time]],
    sync: Sync = "x0",
    solver: Solver | None = None,
    rngs: Sequence[torch.Generator] = (),
    start: int = 0,
    history: tuple = (),
) -> Iterator[Step]:
    """Denoise views, each with its own state x (B*N, C, h, w), row b*N + n. Yields Steps of views.

    `views.unproject` gives their canvas.

    `views` may be a function of the step's number, whose canvases may differ (latents first, pixels then). `rngs`, one a
    picture (B), serve solvers that add noise: it is drawn on the canvas and projected. `sync="eps"` needs alpha_t > 0 but of
    flows: ValueError on another schedule that starts from pure noise. Independent start noise never reconciles under
    `sync="eps"`: a warning says so.
    """
    solver = solver or ddim_solver()
    _check(s, steps, sync)
    if sync == "eps" and not torch.allclose(_agree(_at(views, start), x), x, atol=1e-4):
        warnings.warn(
            "sync='eps' never reconciles views that start from different noise; share it, or use 'x0'", stacklevel=2
        )

    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        step_views = _at(views, i)
        p = predict(x, t, step_views)
        agree = partial(_agree, step_views)
        x0 = x0_of_synced_noise(s, x, p, t, agree) if sync == "eps" else agree(p.x0) if sync == "x0" else p.x0
        var = p.var if sync == "none" else _synced_variance(step_views, p.var)
        x, history = solver(s, x, x0, t, t_prev, history, partial(_noise, step_views, rngs, x), var)
        x = agree(x) if sync == "xt" else x
        yield Step(i, t, x, x0, history, step_views, True, len(steps))


@typed
@torch.no_grad()
def canonical(
    predict: Predict,
    s: Schedule,
    views: Views,
    z: Rows,
    *,
    steps: Sequence[tuple[Time, Time]],
    sync: Sync = "x0",
    solver: Solver | None = None,
    view_update: ViewUpdate | None = None,
    rngs: Sequence[torch.Generator] = (),
    start: int = 0,
    history: tuple = (),
) -> Iterator[Step]:
    """Denoise the canvas z (B, C, H, W), which is projected to the views at every step. Yields Steps of the canvas.

    `views` may be a function of the step's number: other views at every step. `view_update` moves the views before they are
    denoised, and the canvas with them. Arguments and errors as `instance`; `sync="none"` is a ValueError here, since one
    canvas is already an agreement, and so are views of their own at every step with "xt", whose solver remembers views.
    """
    solver = solver or ddim_solver()
    _check(s, steps, sync)
    if sync == "none":
        raise ValueError("sync='none' has no canvas to hold the state on: use instance()")
    if sync == "xt" and callable(views):
        raise ValueError("sync='xt' keeps its solver's memory in views, which change at every step here: use sync='x0'")

    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        step_views = _at(views, i)
        x = step_views.project(z)
        if view_update:
            moved = view_update(x, t, step_views)
            x, z = moved, z + step_views.unproject(moved - x)
        p = predict(x, t, step_views)
        if sync == "xt":
            var = _synced_variance(step_views, p.var)
            x, history = solver(s, x, p.x0, t, t_prev, history, partial(_noise, step_views, rngs, x), var)
            z, x0 = step_views.unproject(x), step_views.unproject(p.x0)
        else:
            x0, var = _synced_x0(s, step_views, sync, z, t, p)
            z, history = solver(s, z, x0, t, t_prev, history, partial(_canvas_noise, step_views, rngs, z), var)
        yield Step(i, t, z, x0, history, step_views, False, len(steps))


def joint_predict(predict: Predict, s: Schedule, views: Projection, sync: Sync = "x0") -> Predict:
    """Return (z, t) -> Pred of a canvas z (B, C, H, W): what the views agree on. Any loop of single pictures takes it.

    That is how pictures larger than the model are edited. `sync` is eps or x0, ValueError else: xt is no prediction.
    """
    if sync not in ("eps", "x0"):
        raise ValueError(f"views can predict a canvas together by sync 'eps' or 'x0', not {sync!r}")

    def canvas_predict(z: Tensor, t: Time, _views: object = None) -> Pred:
        p = predict(views.project(z), t, views)
        if s.prediction == "flow":  # whose velocity is known where sigma is 0, and eps of x0 is not
            return pred_from_output(s, z, views.unproject(p.eps - p.x0), t)
        x0, var = _synced_x0(s, views, sync, z, t, p)
        a, sigma = coefficients(s, t, z)
        return Pred(x0, (z - a * x0) / sigma, var)

    return canvas_predict


def _at(views: Views, i: int) -> Projection:
    """Return the views of step i."""
    return views(i) if callable(views) else views


def _noise(views: Projection, rngs: Sequence[torch.Generator], x: Tensor) -> Tensor:
    """Draw noise as views x (B*N, C, h, w) show it, one generator a picture."""
    check_generators(rngs, len(x) // len(views))
    return views.noise(rngs, x)


def _canvas_noise(views: Projection, rngs: Sequence[torch.Generator], z: Tensor) -> Tensor:
    """Draw noise on the canvas z (B, C, H, W)."""
    check_generators(rngs, len(z))
    return randn(views.canvas, rngs, z)


def _agree(views: Projection, u: Tensor) -> Tensor:
    """Return F(G(u)), on top of u where the canvas does not cover a view."""
    return views.project(views.unproject(u), onto=u)


def _synced_x0(s: Schedule, views: Projection, sync: Sync, z: Tensor, t: Time, p: Pred) -> tuple[Tensor, Tensor | None]:
    """Return x0 and the learned variance of the canvas z, from what the views predict."""
    x0 = x0_of_synced_noise(s, z, p, t, views.unproject) if sync == "eps" else views.unproject(p.x0)
    return x0, _variance_on_canvas(views, p.var)


def x0_of_synced_noise(s: Schedule, x: Tensor, p: Pred, t: Time, agree: Callable[[Tensor], Tensor]) -> Tensor:
    """Return x0 of the state x where views agree on eps, in flows on the velocity."""
    if s.prediction == "flow":
        _, sigma = coefficients(s, t, x)
        return x - sigma * agree(p.eps - p.x0)
    return tweedie(s, x, agree(p.eps), t)


def _variance_on_canvas(views: Projection, var: Tensor | None) -> Tensor | None:
    """Return the learned variance on the canvas, its mean over the views (Geng et al. 2024, section 4.1).

    A view may change signs and `unproject` add a given picture; a variance minds neither. Of a sum of components it is the
    plain mean too, of what the network said of each view, so that a share stays in [-1, 1] (Geng et al. 2024b's code).
    """
    if var is None:
        return None
    if isinstance(views, Factorized):
        return var.unflatten(0, (-1, len(views))).mean(1)
    return views.unproject(_signs(views, var) * var) - views.unproject(torch.zeros_like(var))


def _synced_variance(views: Projection, var: Tensor | None) -> Tensor | None:
    """Return the learned variance that views agree on, as each sees it."""
    on_canvas = _variance_on_canvas(views, var)
    if on_canvas is None:
        return None
    x = views.project(on_canvas)
    return _signs(views, x) * x


def _signs(views: Projection, like: Tensor) -> Tensor:
    C, H, W = views.canvas
    return views.project(like.new_ones(len(like) // len(views), C, H, W))


def _check(s: Schedule, steps: Sequence[tuple[Time, Time]], sync: str) -> None:
    if sync == "eps" and s.prediction != "flow" and steps and min(s(t)[0] for t, _ in steps) < 1e-6:
        raise ValueError("sync='eps' cannot start where alpha_t is 0 (zero terminal SNR): use sync='x0'")

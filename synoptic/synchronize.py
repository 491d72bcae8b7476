"""Many views denoised together: they agree on eps, x0 or xt at every step (Kim et al. 2024, SyncTweedies, table 1).

Each rule in each space; F = `views.project`, G = `views.unproject`:

    sync   instance: state x, one row a view              canonical: state z on the canvas, x = F(z)
    none   x  <- solve(x, x0)                             -
    eps    eps <- F(G(eps)), then as none                 z <- solve(z, tweedie(z, G(eps)))      Visual Anagrams
    x0     x0 <- F(G(x0)), then as none    SyncTweedies   z <- solve(z, G(x0))
    xt     x  <- F(G(solve(x, x0)))                       z <- G(solve(x, x0))                   MultiDiffusion

For views with F∘G a projection and G∘F the identity (crops: wide pictures), a deterministic solver and one start noise
x = F(z), the six are one algorithm, equal to rounding. They part with independent noise and with lossy views.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from synoptic.diffusion import Schedule, Solver, Step, Time, ddim_solver, randn, tweedie
from synoptic.guidance import Predict
from synoptic.views.base import Views

Sync = Literal["eps", "x0", "xt", "none"]


@torch.no_grad()
def instance(
    predict: Predict,
    s: Schedule,
    views: Views,
    x: Tensor,
    *,
    steps: Sequence[tuple[Time, Time]],
    sync: Sync = "x0",
    solve: Solver | None = None,
    rngs: Sequence[torch.Generator] = (),
    start: int = 0,
    past: tuple = (),
) -> Iterator[Step]:
    """State per view: x (B*N, C, h, w), row b*N + n. Yields Steps of views; `views.unproject` gives their canvas.

    `rngs`, one a picture (B), serve solvers that add noise: it is drawn on the canvas and projected. `sync="eps"` needs
    alpha_t > 0: ValueError on a schedule that starts from pure noise. Independent start noise never reconciles under
    `sync="eps"`: a warning says so.
    """
    solve = solve or ddim_solver()
    _door(s, steps, sync)
    if sync == "eps" and not torch.allclose(views.project(views.unproject(x), onto=x), x, atol=1e-4):
        warnings.warn(
            "sync='eps' never reconciles views that start from different noise; share it, or use 'x0'", stacklevel=2
        )

    def agree(name: str, u: Tensor) -> Tensor:
        return views.project(views.unproject(u), onto=u) if name == sync else u

    def draw() -> Tensor:
        return views.noise(rngs, x)

    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        p = predict(x, t, views)
        x0 = tweedie(s, x, agree("eps", p.eps), t) if sync == "eps" else agree("x0", p.x0)
        x, past = solve(s, x, x0, t, t_prev, past, draw)
        x = agree("xt", x)
        yield Step(i, t, x, x0, past)


@torch.no_grad()
def canonical(
    predict: Predict,
    s: Schedule,
    views: Views,
    z: Tensor,
    *,
    steps: Sequence[tuple[Time, Time]],
    sync: Sync = "x0",
    solve: Solver | None = None,
    rngs: Sequence[torch.Generator] = (),
    start: int = 0,
    past: tuple = (),
) -> Iterator[Step]:
    """State on the canvas: z (B, C, H, W), projected to the views at every step. Yields Steps of the canvas.

    Arguments and errors as `instance`; `sync="none"` is a ValueError here, since one canvas is already an agreement.
    """
    solve = solve or ddim_solver()
    _door(s, steps, sync)
    if sync == "none":
        raise ValueError("sync='none' has no canvas to hold the state on: use instance()")

    def draw() -> Tensor:
        return views.noise(rngs, z) if sync == "xt" else randn(views.canvas, rngs, z)

    for i, (t, t_prev) in list(enumerate(steps))[start:]:
        x = views.project(z)
        p = predict(x, t, views)
        if sync == "xt":
            x, past = solve(s, x, p.x0, t, t_prev, past, draw)
            z, x0 = views.unproject(x), views.unproject(p.x0)
        else:
            x0 = tweedie(s, z, views.unproject(p.eps), t) if sync == "eps" else views.unproject(p.x0)
            z, past = solve(s, z, x0, t, t_prev, past, draw)
        yield Step(i, t, z, x0, past)


def _door(s: Schedule, steps: Sequence[tuple[Time, Time]], sync: str) -> None:
    if sync not in ("eps", "x0", "xt", "none"):
        raise ValueError(f"sync must be eps, x0, xt or none, not {sync!r}")
    if sync == "eps" and steps and min(s(t)[0] for t, _ in steps) < 1e-6:
        raise ValueError("sync='eps' cannot start where alpha_t is 0 (zero terminal SNR, flow models): use sync='x0'")

"""From (model, prompts, scale) to predict(x, t, where): from here on nobody knows about prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Time, coefficients
from synoptic.models.base import Cond, Denoiser

Predict = Callable[..., Pred]  # (x, t, where=None): where = this step's views, for models whose condition depends on them


def branches(model: Denoiser, conds: Mapping[str, Cond], *, rows: int | None = None) -> Callable[..., dict[str, Pred]]:
    """(x, t, where=None) -> {name: Pred} for every named condition: all rows of all, in as few calls of the model as fit.

    Each Cond has one row a picture (B); x (B*n, C, h, w) may have n views of each, row b*n + k, and t one time for all or
    a tensor (B*n,). Guidance, CSD, NFSD, Perp-Neg are weighted sums of these branches. `rows` bounds the rows of one
    call; by default it follows free memory, and halves when a GPU runs out of it. Results do not depend on it. A condition's
    "map" is of the whole canvas, in pixels: given the views as `where`, each row sees its view's part of it.
    """
    names = list(conds)
    table = {key: torch.cat([conds[name][key] for name in names]).to(model.device) for key in conds[names[0]]}
    pictures = len(next(iter(table.values()))) // len(names)
    maps, limit = table.pop("map", None), rows

    @lru_cache(maxsize=1)  # most loops show the same views at every step
    def parts(where: Any, n: int) -> Tensor:
        return where.at(model.factor).project(cast(Tensor, maps)[:: pictures * len(where) // n])

    def predict(x: Tensor, t: Time, where: Any = None) -> dict[str, Pred]:
        nonlocal limit
        limit = limit or max_batch_rows(model, x.device)
        n, views = len(x), len(x) // pictures

        def call(some: Tensor) -> Pred:
            r = some.to(x.device)
            which = r // n * pictures + r % n // views
            at = t.to(x.device)[r % n] if isinstance(t, Tensor) and t.ndim else t
            cond = {key: value[which] for key, value in table.items()} | {"place": torch.stack([some // n, some % n], 1)}
            if maps is not None:
                cond["map"] = maps[which] if where is None else parts(where, n)[r]
            return model.predict(x[r % n], at, cond)

        todo, asked, said = [torch.arange(len(names) * n).view(len(names), n)], list[Tensor](), list[Pred]()
        while todo:
            some, *todo = todo
            if some.numel() > limit:  # fewer rows of x, each with all its branches; in even calls: two shapes at most
                axis, most = (1, max(1, limit // len(some))) if some.shape[1] > 1 else (0, limit)
                todo = [*some.tensor_split(math.ceil(some.shape[axis] / most), axis), *todo]
                continue
            try:
                said.append(call(some.flatten()))
                asked.append(some.flatten())
            except torch.OutOfMemoryError:
                if some.numel() == 1:
                    raise
                limit, todo = math.ceil(some.numel() / 2), [some, *todo]
                torch.cuda.empty_cache()
        back = torch.cat(asked).argsort().to(x.device) if len(asked) > 1 else None

        def every(values: list[Tensor]) -> Sequence[Tensor]:
            return (torch.cat(values) if back is None else torch.cat(values)[back]).split(n)

        x0, eps = every([p.x0 for p in said]), every([p.eps for p in said])
        learned = [p.var for p in said if p.var is not None]
        var = every(learned) if learned else [None] * len(names)
        return {name: Pred(x0[k], eps[k], var[k]) for k, name in enumerate(names)}

    return predict


def max_batch_rows(model: Denoiser, device: torch.device) -> int:
    """Rows whose working memory fits into half of what is free; on a CPU no more than its caches profit from."""
    if device.type == "cuda":
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # kept by us for what comes
        return max(1, (torch.cuda.mem_get_info(device)[0] + idle) // 2 // model.row_bytes)
    import psutil

    fits = psutil.virtual_memory().available // 2 // model.row_bytes
    return int(max(1, min(fits, CPU_ROWS)))


CPU_ROWS = 42  # on two cores a row costs a tenth less than of 16 in half precision, and the same from here to 82


def cfg(
    model: Denoiser,
    prompts: Sequence[str],
    scale: float = 1.0,
    negative: str = "",
    *,
    clip: Callable[[Tensor], Tensor] | None = None,
    equal: int = 1,
    rows: int | None = None,
) -> Predict:
    """Classifier-free guidance (Ho & Salimans 2022): null + scale (cond - null), one prompt a picture; scale 1 is off.

    The null branch is conditioned on `negative`. `equal` > 1 brings the guidance of every so many rows, the views of one
    picture, to their mean strength, so that no prompt swallows the others. `clip` acts on the guided x0, before any views
    agree on it, and its eps follows, so that every sync rule sees the same clipped picture. (diffusers keeps the unclipped
    eps.)
    """
    conds: dict[str, Cond] = {"cond": model.embed(prompts)}
    if scale != 1:
        conds["null"] = model.embed([negative] * len(prompts))
    return guided(model, conds, scale, clip=clip, equal=equal, rows=rows)


def guided(
    model: Denoiser,
    conds: Mapping[str, Cond],
    scale: float | Tensor = 1.0,
    *,
    clip: Callable[[Tensor], Tensor] | None = None,
    equal: int = 1,
    rows: int | None = None,
) -> Predict:
    """`cfg` of conditions: "cond" alone, or with "null" guided away from it, by one scale or one a row (B*n, 1, 1, 1)."""
    every = branches(model, conds, rows=rows)

    def predict(x: Tensor, t: Time, where: Any = None) -> Pred:
        p = every(x, t, where)
        out = p["cond"]
        if "null" in conds:
            u, c = p["null"], p["cond"]
            w = scale * balance(c.eps - u.eps, equal) if equal > 1 else scale
            out = away(u, c, w)
        if clip:
            x0 = clip(out.x0)
            a, sigma = coefficients(model.schedule, t, x)
            out = Pred(x0, (x - a * x0) / sigma, out.var)
        return out

    return predict


def away(null: Pred, cond: Pred, scale: float | Tensor) -> Pred:
    """null + scale (cond - null), of x0 and of eps (Ho & Salimans 2022, equation 6)."""
    return Pred(null.x0 + scale * (cond.x0 - null.x0), null.eps + scale * (cond.eps - null.eps), cond.var)


def between(guided: Predict, alone: Predict, first: Time, last: Time) -> Predict:
    """`guided` from time `first` to `last`, `alone` before and after (Kynkäänniemi et al. 2024, equation 5).

    Guidance does harm where there is most noise and little good where there is least; without it a step costs half.
    """

    def predict(x: Tensor, t: Time, where: Any = None) -> Pred:
        return (guided if first >= t >= last else alone)(x, t, where)

    return predict


def balance(guidance: Tensor, views: int) -> Tensor:
    """What brings the rows (B*N, C, h, w) of each picture's N views to their mean norm: (B*N, 1, 1, 1)."""
    norms = guidance.flatten(1).norm(dim=1).view(-1, views).clamp(min=1e-12)
    return (norms.mean(1, keepdim=True) / norms).view(-1, 1, 1, 1)

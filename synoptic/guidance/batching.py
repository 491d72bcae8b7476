"""Named conditions to predictions: every branch of guidance, for every row of x, in as few calls of the model as fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar, cast

import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Rows, Time
from synoptic.errors import InputError, check_at_least
from synoptic.models.base import Conditioning, Denoiser
from synoptic.models.memory import make_room, max_batch_rows
from synoptic.utils.arguments import check_argument
from synoptic.views.base import Projection

BranchPredict = Callable[..., Mapping[str, Pred]]  # (x, t, views=None) -> {branch: Pred}
Output = TypeVar("Output")


def predict_branches(
    model: Denoiser, conds: Mapping[str, Conditioning], *, max_rows: int | None = None
) -> Callable[..., dict[str, Pred]]:
    """Return (x, t, views=None) -> {name: Pred} for every named condition: all rows of all, in as few calls as fit.

    Each conditioning has one row per picture (B); x (B*n, C, h, w) may have n views of each, row b*n + k, and t one time for
    all or a tensor (B*n,). Guidance, CSD, NFSD, Perp-Neg are weighted sums of these branches. `max_rows` bounds the rows of
    one call; by default it follows free memory, and halves when it runs out. Results do not depend on it. The
    `control_images` are of the whole canvas, in pixels: given the `views`, each row has its view's part of them.
    """
    if max_rows is not None:
        check_at_least("max_rows", max_rows, 1)
    names = list(conds)
    table = Conditioning.cat([conds[name] for name in names]).to(model.device)
    pictures = len(table) // len(names)
    maps, table, limit = table.control_images, replace(table, control_images=None), max_rows

    @lru_cache(maxsize=256)  # each copy to a GPU waits until it has nothing left to do
    def device_index(rows: tuple[int, ...], device: torch.device) -> Tensor:
        return torch.tensor(rows, device=device)

    @lru_cache(maxsize=1)  # most loops show the same views at every step
    def view_maps(views: Projection, n: int) -> Tensor:
        return views.scaled(model.factor).project(cast(Tensor, maps)[:: pictures * len(views) // n])

    def predict(x: Tensor, t: Time, views: Projection | None = None) -> dict[str, Pred]:
        nonlocal limit
        check_x(x, t, model)
        limit = limit or max_batch_rows(model, x.device)
        n = len(x)
        check_rows(n, pictures)

        def call(rows: Tensor) -> Pred:
            row = device_index(tuple(rows.tolist()), x.device)
            cond_row, x_row = index_table(row, n, pictures)
            row_t = t.to(x.device)[x_row] if isinstance(t, Tensor) and t.ndim else t
            cond = replace(table.rows(cond_row), branch_rows=torch.stack([rows // n, rows % n], 1))
            if maps is not None:
                cond = replace(cond, control_images=maps[cond_row] if views is None else view_maps(views, n)[row])
            return model.predict(x[x_row], row_t, cond)

        asked, preds, limit = run_in_batches(call, torch.arange(len(names) * n).view(len(names), n), limit)
        order = device_index(tuple(torch.cat(asked).argsort().tolist()), x.device) if len(asked) > 1 else None

        def by_branch(values: list[Tensor]) -> Sequence[Tensor]:
            return (torch.cat(values) if order is None else torch.cat(values)[order]).split(n)

        x0, eps = by_branch([p.x0 for p in preds]), by_branch([p.eps for p in preds])
        learned = [p.var for p in preds if p.var is not None]
        var = by_branch(learned) if learned else [None] * len(names)
        return {name: Pred(x0[k], eps[k], var[k]) for k, name in enumerate(names)}

    return predict


def check_x(x: object, t: object, model: Denoiser) -> None:
    """Raise InputError where x is no tensor of the model's channels, or t no time."""
    check_argument("x", x, Rows)
    check_argument("t", t, Time)
    given, channels = cast(Tensor, x).shape[1], model.shape[0]
    if given != channels:
        raise InputError(
            f"x must have the model's {channels} channels, {given} were given: encode pictures first, model.encode(...)",
            rule="x-channels",
        )


def check_rows(n: int, pictures: int) -> None:
    """Raise InputError where n rows are not as many views of each picture: the last ones would take other conditions."""
    if n % pictures or not n:
        raise InputError(
            f"x must have a row for each prompt, or as many views of each, {n} rows and {pictures} prompts were given: match"
            " them",
            rule="rows-prompts",
        )


def one_branch(branch_predict: BranchPredict, name: str) -> Callable[..., Pred]:
    """Return one branch as a loop's predict."""

    def predict(x: Tensor, t: Time, views: object = None) -> Pred:
        return branch_predict(x, t, views)[name]

    return predict


def index_table(rows: Tensor, n: int, pictures: int) -> tuple[Tensor, Tensor]:
    """Map rows (R,) of all branches, row k*n + i for branch k and row i of x to their rows in the conditions, and in x.

    The conditions have one row a picture, branch after branch: with n = 4 rows of x, two views of each of 2 pictures,

        row        0 1 2 3   4 5 6 7
        branch     0 0 0 0   1 1 1 1
        condition  0 0 1 1   2 2 3 3
        x          0 1 2 3   0 1 2 3
    """
    views = n // pictures
    return rows // n * pictures + rows % n // views, rows % n


def run_in_batches(call: Callable[[Tensor], Output], rows: Tensor, limit: int) -> tuple[list[Tensor], list[Output], int]:
    """Call `call` with rows (branches, n), flattened, at most `limit` at once; return rows asked, answers and limit.

    Batches are fewer rows of x, each with all its branches, while there is more than one; they are even, so that there are
    two shapes at most. Where memory runs out the limit becomes half of what was tried, and stays so.
    """
    todo, asked, answers = [rows], list[Tensor](), list[Output]()
    while todo:
        batch, *todo = todo
        if batch.numel() > limit:
            axis, most = (1, max(1, limit // len(batch))) if batch.shape[1] > 1 else (0, limit)
            todo = [*batch.tensor_split(math.ceil(batch.shape[axis] / most), axis), *todo]
            continue
        try:
            answers.append(call(batch.flatten()))
            asked.append(batch.flatten())
        except Exception as e:
            make_room(e, batch.numel())
            limit, todo = math.ceil(batch.numel() / 2), [batch, *todo]
    return asked, answers, limit


def largest_batch(branches: int, n: int, limit: int) -> int:
    """Return the rows of the largest batch that `run_in_batches` makes of (branches, n) rows."""
    asked, *_ = run_in_batches(len, torch.arange(branches * n).view(branches, n), limit)
    return max(map(len, asked))

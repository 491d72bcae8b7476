"""Read a hash grid and add to it on a GPU, one kernel each way: what `HashGrid` computes by gathers, without its parts."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 256  # places at once


class Levels(NamedTuple):
    """The levels of a grid: cells a side and first rows (L,), strides (L, 2), how many have a row for every corner."""

    cells: Tensor
    first_row: Tensor
    strides: Tensor
    whole: int
    table_size: int


class ReadHashGrid(torch.autograd.Function):
    """Tables (rows, F), places (M, 3), levels -> (M, L F); levels from `active` on are 0. No gradient of the places."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, x: Tensor, levels: Levels, active: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.rows, ctx.levels, ctx.active = len(table), levels, active
        found = x.new_empty(len(x), len(levels.cells) * table.shape[1])
        _launch(_read, x, table, found, levels, active, table.shape[1])
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        features = grads[0].shape[1] // len(ctx.levels.cells)
        of_table = x.new_zeros(ctx.rows, features)
        _launch(_add, x, of_table, grads[0].contiguous(), ctx.levels, ctx.active, features)
        return of_table, None, None, None


def _launch(kernel: Any, x: Tensor, table: Tensor, rows: Tensor, levels: Levels, active: int, features: int) -> None:
    grid = triton.cdiv(len(x), BLOCK), len(levels.cells)
    cells, first_row, strides, whole, size = levels
    kernel[grid](x, table, rows, cells, first_row, strides, len(x), whole, active, size - 1, features, BLOCK=BLOCK)


@triton.jit
def _axis(x, at, shown, cells, axis: tl.constexpr):
    """Return the cell along an axis in which places are, and how far into it."""
    where = (tl.minimum(tl.maximum(tl.load(x + 3 * at + axis, shown, 0.0), -1.0), 1.0) + 1) * (cells.to(tl.float32) / 2)
    low = tl.minimum(where.to(tl.int32), cells - 1)
    return low, where - low.to(tl.float32)


@triton.jit
def _cell(x, at, shown, level, cells, strides):
    """Return what the rows and weights of the corners around places are made of."""
    n = tl.load(cells + level)
    i, a = _axis(x, at, shown, n, 0)
    j, b = _axis(x, at, shown, n, 1)
    k, c = _axis(x, at, shown, n, 2)
    return i, j, k, a, b, c, tl.load(strides + 2 * level), tl.load(strides + 2 * level + 1)


@triton.jit
def _corner(corner: tl.constexpr, cell, is_whole, mask):
    """Return the row of a cell's corner, and its trilinear weight."""
    i, j, k, a, b, c, up, deep = cell
    right: tl.constexpr = corner % 2
    top: tl.constexpr = corner // 2 % 2
    back: tl.constexpr = corner // 4
    i, j, k = i + right, (j + top) * up, (k + back) * deep
    row = tl.where(is_whole, i + j + k, (i ^ j ^ k) & mask)
    return row, (a if right else 1 - a) * (b if top else 1 - b) * (c if back else 1 - c)


@triton.jit
def _read(x, table, found, cells, first_row, strides, m, whole, active, mask, features: tl.constexpr, BLOCK: tl.constexpr):
    level, count = tl.program_id(1), tl.num_programs(1)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    shown = at < tl.where(level < active, m, 0)
    cell = _cell(x, at, shown, level, cells, strides)
    table += features * tl.load(first_row + level)
    for feature in tl.static_range(features):
        total = tl.zeros([BLOCK], tl.float32)
        for corner in tl.static_range(8):
            row, weight = _corner(corner, cell, level < whole, mask)
            total += weight * tl.load(table + features * row + feature, shown, 0.0)
        tl.store(found + (at * count + level) * features + feature, total, at < m)


@triton.jit
def _add(x, table, rising, cells, first_row, strides, m, whole, active, mask, features: tl.constexpr, BLOCK: tl.constexpr):
    level, count = tl.program_id(1), tl.num_programs(1)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    shown = at < tl.where(level < active, m, 0)
    cell = _cell(x, at, shown, level, cells, strides)
    table += features * tl.load(first_row + level)
    for feature in tl.static_range(features):
        slope = tl.load(rising + (at * count + level) * features + feature, shown, 0.0)
        for corner in tl.static_range(8):
            row, weight = _corner(corner, cell, level < whole, mask)
            tl.atomic_add(table + features * row + feature, weight * slope, slope != 0, sem="relaxed")

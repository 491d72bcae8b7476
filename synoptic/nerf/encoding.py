"""What a place in space is to a network: a row of numbers, from a hash grid or from waves, coarse levels first."""

from __future__ import annotations

import itertools
import math
import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

PRIMES = (2654435761, 805459861)  # of the second and the third coordinate; the first is taken as it is


class Encoding(Protocol):
    """Places x (M, 3) in [-1, 1] -> (M, width), differentiable in x twice. Levels from `active_levels` on are 0."""

    levels: int
    width: int

    def __call__(self, x: Tensor, active_levels: int) -> Tensor: ...


class WeightedGather(torch.autograd.Function):
    """sum_k weight[k] table[index[k]]: (T, F), (K, M), (K, M) -> (M, F), without the (K, M, F) in between.

    The gradients are plain operations, so that those of gradients exist too: analytic normals need them.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(table, index, weight)
        return F.embedding_bag(index.T.contiguous(), table, per_sample_weights=weight.T.contiguous(), mode="sum")

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        table, index, weight = ctx.saved_tensors
        at, rising = index.flatten(), grads[0].T.contiguous()
        of_table = of_weight = None
        if ctx.needs_input_grad[0]:  # column by column: rows of two numbers are ten times slower to add
            columns = [table.new_zeros(len(table)).index_add(0, at, (g * weight).flatten()) for g in rising]
            of_table = torch.stack(columns, 1)
        if ctx.needs_input_grad[2]:
            columns = [c.contiguous().index_select(0, at).view_as(weight) * g for c, g in zip(table.T, rising, strict=True)]
            of_weight = torch.stack(columns).sum(0)
        return of_table, None, of_weight


class HashGrid(torch.nn.Module):
    """The multi-resolution hash grid of Müller et al. 2022 (Instant NGP, section 3), as gathers.

    `levels` grids from `coarsest` to `finest` cells a side over [-1, 1]³, growing by one factor, with `features` numbers at
    their corners, read by trilinear interpolation. A grid of more than 2**log2 corners shares so many rows, found by the
    paper's hash. The first numbers are drawn from `rng`, in ±1e-4.
    """

    cells: Tensor  # of each level, a side
    first_row: Tensor  # of each level's table, all below one another
    strides: Tensor  # (levels, 2): of a corner's row, by its second and third coordinate

    def __init__(
        self,
        levels: int = 8,
        features: int = 2,
        coarsest: int = 8,
        finest: int = 96,
        log2_table_size: int = 15,
        rng: torch.Generator | None = None,
    ) -> None:
        """Draw the tables. Raises ValueError where there is no level, or the finest is coarser than the coarsest."""
        if levels < 1 or not 1 <= coarsest <= finest:
            raise ValueError(
                f"a hash grid needs a level and 1 <= coarsest <= finest, {levels} of {coarsest} to {finest} were given"
            )
        super().__init__()
        self.levels, self.width, self.table_size = levels, levels * features, 2**log2_table_size
        growth = (finest / coarsest) ** (1 / max(levels - 1, 1))
        self.resolutions = [int(coarsest * growth**i + 1e-6) for i in range(levels)]
        sizes = [min((n + 1) ** 3, self.table_size) for n in self.resolutions]
        self.tables = torch.nn.ParameterList(
            torch.empty(size, features, dtype=torch.float32).uniform_(-1e-4, 1e-4, generator=rng) for size in sizes
        )
        self.whole = sum((n + 1) ** 3 <= self.table_size for n in self.resolutions)  # levels with a row for every corner
        first_row = [0, *itertools.accumulate(sizes[:-1])]
        strides = [(n + 1, (n + 1) ** 2) for n in self.resolutions[: self.whole]]
        strides += [tuple(prime % self.table_size for prime in PRIMES)] * (levels - self.whole)  # a product's lowest bits do
        for name, values in (("cells", self.resolutions), ("first_row", first_row), ("strides", strides)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.int32), persistent=False)

    def corners(self, x: Tensor, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Map places (M, 3) to the rows (8, L M) that their eight corners have in the tables of the L levels from `start`
        on, before `end`, one below the other, and to their trilinear weights (8, L M).

        Either all of these levels have a row for every corner, or none has.
        """
        cells = self.cells[start:end, None]
        at = (x.T.contiguous().clamp(-1, 1) + 1)[:, None] * (cells.to(x.dtype) / 2)  # (3, L, M)
        low = torch.minimum(at.detach().int(), cells - 1)
        part = at - low
        a, b, c = torch.stack([1 - part, part], 1)  # (2, L, M) each: the near and the far share along one axis
        weight = (a * b[:, None]) * c[:, None, None]
        up, deep = self.strides[start:end, :, None].unbind(1)
        i, j, k = low
        i, j, k = (torch.stack([at, at + by]) for at, by in ((i, 1), (j * up, up), (k * deep, deep)))
        if end <= self.whole:
            row = i + j[:, None] + k[:, None, None]
        else:
            row = (i ^ j[:, None] ^ k[:, None, None]) & (self.table_size - 1)
        if end - start > 1:
            row += (self.first_row[start:end] - self.first_row[start])[:, None]
        return row.view(8, -1), weight.view(8, -1)

    def forward(self, x: Tensor, active_levels: int) -> Tensor:
        if x.dtype == torch.float32 and not x.requires_grad and has_kernels(x.device):
            return self.read_by_kernels(x, active_levels)
        each = 1 if x.device.type == "cpu" else self.levels  # at once: a CPU's cache holds one
        ends = min(active_levels, self.whole), active_levels
        starts = [*range(0, ends[0], each), *range(ends[0], ends[1], each)]
        found = []
        for start in starts:
            end = min(start + each, ends[start >= ends[0]])
            table = torch.cat([*self.tables[start:end]]) if end - start > 1 else self.tables[start]
            read = WeightedGather.apply(table, *self.corners(x, start, end))
            found.append(read.unflatten(0, (end - start, len(x))).transpose(0, 1).flatten(1))
        return torch.cat([*found, x.new_zeros(len(x), self.width - sum(part.shape[1] for part in found))], 1)

    def read_by_kernels(self, x: Tensor, active_levels: int) -> Tensor:
        """Compute the same on a GPU, a kernel each way, without a gradient of the places."""
        from synoptic.nerf.hash_grid_kernels import Levels, ReadHashGrid

        levels = Levels(self.cells, self.first_row, self.strides, self.whole, self.table_size)
        return ReadHashGrid.apply(torch.cat([*self.tables]), x, levels, active_levels)


@cache
def has_kernels(device: torch.device) -> bool:
    """Return whether kernels run there, by trying: Triton builds them with a C compiler and Python's headers.

    Warns where it does not, since gathers are slower.
    """
    if device.type != "cuda" or not find_spec("triton"):
        return False
    grid, x = HashGrid(rng=torch.Generator()).to(device), torch.zeros(1000, 3, dtype=torch.float32, device=device)
    try:
        with torch.enable_grad():
            grid.read_by_kernels(x, grid.levels).sum().backward()
    except Exception as e:  # of a build: whatever a compiler, or none, comes to
        warnings.warn(
            f"Triton builds no kernels here ({e}), so steps take longer: install a C compiler and Python's headers",
            stacklevel=2,
        )
        return False
    return True


class FrequencyEncoding(torch.nn.Module):
    """x, and sin and cos of 2^k pi x for the first `levels` octaves k (Mildenhall et al. 2020, NeRF, equation 4)."""

    octaves: Tensor

    def __init__(self, levels: int = 6) -> None:
        """Set the frequencies. Raises ValueError where there is no level."""
        if levels < 1:
            raise ValueError(f"waves need at least one octave, {levels} were given: raise levels")
        super().__init__()
        self.levels, self.width = levels, 3 + 6 * levels
        self.register_buffer("octaves", math.pi * 2.0 ** torch.arange(levels, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor, active_levels: int) -> Tensor:
        angle = (x[:, None] * self.octaves[:active_levels, None].to(x)).flatten(1)
        found = torch.cat(
            [x, torch.stack([angle.sin(), angle.cos()], 1).view(len(x), 2, active_levels, 3).transpose(1, 2).flatten(1)], 1
        )
        return F.pad(found, (0, self.width - 3 - 6 * active_levels))

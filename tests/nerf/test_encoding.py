"""Encodings: the hash grid against one written without gathers, and derivatives against finite differences."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from synoptic.nerf import encoding
from synoptic.nerf.encoding import PRIMES, FrequencyEncoding, HashGrid, WeightedGather


def places(n: int, seed: int = 0) -> Tensor:
    return 2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def grid(**how: int) -> HashGrid:
    made = HashGrid(
        **{"levels": 4, "coarsest": 2, "finest": 12, "log2_table_size": 8} | how, rng=torch.Generator().manual_seed(1)
    ).double()
    for table in made.tables:
        torch.nn.init.normal_(table, generator=torch.Generator().manual_seed(2))
    return made


def by_hand(g: HashGrid, x: list[float]) -> list[float]:
    """One place, corner by corner, in Python's own whole numbers."""
    found = []
    for table, n in zip(g.tables, g.resolutions, strict=True):
        at = [(c + 1) / 2 * n for c in x]
        low = [min(int(a), n - 1) for a in at]
        total = [0.0] * table.shape[1]
        for corner in itertools.product((0, 1), repeat=3):
            i, j, k = (a + c for a, c in zip(low, corner, strict=True))
            plain = i + j * (n + 1) + k * (n + 1) ** 2
            row = plain if (n + 1) ** 3 <= g.table_size else (i ^ (j * PRIMES[0]) ^ (k * PRIMES[1])) % g.table_size
            share = 1.0
            for a, b, c in zip(at, low, corner, strict=True):
                share *= a - b if c else 1 - (a - b)
            total = [t + share * float(v) for t, v in zip(total, table[row].detach(), strict=True)]
        found += total
    return found


def test_the_hash_grid_is_the_one_written_by_hand():
    g, x = grid(), torch.cat([places(40), torch.tensor([[-1.0, -1, -1], [1, 1, 1], [1, -1, 0]])])
    assert g.resolutions[0] == 2 and g.resolutions[-1] == 12
    assert (g.resolutions[0] + 1) ** 3 <= g.table_size < (g.resolutions[-1] + 1) ** 3  # both kinds of levels are read
    assert torch.allclose(g(x, 4), torch.tensor([by_hand(g, row) for row in x.tolist()], dtype=torch.float64), atol=1e-12)


def test_levels_open_one_by_one_and_the_rest_is_nothing():
    for e, first in ((grid(), 0), (FrequencyEncoding(3).double(), 3)):
        x = places(5)
        step = (e.width - first) // e.levels
        for open in range(1, e.levels + 1):
            assert torch.equal(e(x, open)[:, : first + open * step], e(x, e.levels)[:, : first + open * step])
            assert not e(x, open)[:, first + open * step :].any()


def test_waves_are_the_papers():
    x = places(4)
    angle = torch.pi * 2 * x
    assert torch.allclose(FrequencyEncoding(2).double()(x, 2)[:, 9:], torch.cat([angle.sin(), angle.cos()], 1))


def test_derivatives_of_both_orders():
    g, x = grid(levels=2, finest=9), (0.9 * places(2, seed=3)).requires_grad_()
    index, weight = g.corners(x.detach(), 1, 2)
    table = g.tables[1].detach().requires_grad_()
    weight = weight.detach().requires_grad_()
    assert gradcheck(lambda t, w: WeightedGather.apply(t, index, w), (table, weight))
    assert gradgradcheck(lambda t, w: WeightedGather.apply(t, index, w), (table, weight))
    for either in (g, FrequencyEncoding(2).double()):
        assert gradcheck(lambda x, e=either: e(x, 2), x, eps=1e-7)
        assert gradgradcheck(lambda x, e=either: e(x, 2), x, eps=1e-7)


def test_impossible_grids_are_refused():
    with pytest.raises(ValueError, match="coarsest <= finest"):
        HashGrid(coarsest=20, finest=10)
    with pytest.raises(ValueError, match="at least one octave"):
        FrequencyEncoding(0)


def test_where_kernels_do_not_build_it_is_gathers(monkeypatch):
    """A GPU's machine may have Triton and no C compiler."""
    tried = []

    def fails(grid: HashGrid, x: torch.Tensor, levels: int) -> torch.Tensor:
        tried.append(levels)
        raise RuntimeError("Failed to find C compiler")

    monkeypatch.setattr(HashGrid, "read_by_kernels", fails)
    monkeypatch.setattr(HashGrid, "to", lambda grid, device: grid)
    monkeypatch.setattr(encoding, "find_spec", lambda name: True)
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *shape, dtype, device: zeros(*shape, dtype=dtype))
    with pytest.warns(UserWarning, match="Failed to find C compiler.*install a C compiler"):
        assert not encoding.has_kernels.__wrapped__(torch.device("cuda"))
    assert tried == [8]
    assert not encoding.has_kernels(torch.device("cpu"))

"""Views by an index: the laws, for any index, and the weighted mean by hand."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synoptic.views.gather import GatheredViews

H, W = 3, 5


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def gathered(draw: Any) -> GatheredViews:
    index = torch.tensor([*draw(st.lists(st.integers(-1, H * W - 1), min_size=11, max_size=11)), 0]).view(2, 2, 3)
    hit = index[index >= 0].unique()
    fill = torch.arange(H * W)
    for place in set(range(H * W)) - set(hit.tolist()):
        fill[place] = hit[draw(st.integers(0, len(hit) - 1))]
    return GatheredViews((2, H, W), index, 0.1 + normal(2, 2, 3, seed=draw(st.integers(0, 9))).abs(), fill)


@given(gathered())
@settings(max_examples=60, deadline=None)
def test_unproject_undoes_project_where_a_view_reads_and_the_other_way_is_idempotent(views):
    z, x = normal(2, *views.canvas), normal(4, 2, 2, 3)
    back = views.unproject(views.project(z))
    torch.testing.assert_close(back[..., views.hit], z[..., views.hit], rtol=0, atol=1e-12)
    once = views.project(views.unproject(x), onto=x)
    torch.testing.assert_close(views.project(views.unproject(once), onto=once), once, rtol=0, atol=1e-12)
    background = ~views.covered.view(2, 1, 2, 3).repeat(2, 2, 1, 1)
    assert torch.equal(once[background], x[background]) and (views.project(z)[background] == 0).all()


@given(gathered())
@settings(max_examples=30, deadline=None)
def test_each_place_is_the_weighted_mean_of_the_pixels_that_read_it_or_of_its_stand_in(views):
    x = normal(len(views), 2, 2, 3)
    got, index = views.unproject(x)[0].flatten(1), torch.where(views.covered, views.index, -1).view(2, 2, 3)
    for place in range(H * W):
        at = index == views.fill[place]
        weight = views.weight.view(2, 2, 3)[at]
        mean = (x.movedim(1, 0)[:, at] * weight).sum(1) / weight.sum()
        torch.testing.assert_close(got[:, place], mean, rtol=0, atol=1e-12)

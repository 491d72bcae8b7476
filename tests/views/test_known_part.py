"""A canvas a part of which is given: that stays, and the laws with it."""

from __future__ import annotations

import torch

from synoptic.views.known_part import KnownPart
from synoptic.views.windows import Windows


def test_the_part_stays_whatever_the_views_say_and_both_laws_hold():
    inner = Windows((2, 6, 12), (4, 4), (2, 2))
    rng = torch.Generator().manual_seed(0)
    given = torch.randn(2, 6, 12, generator=rng, dtype=torch.float64)
    where = torch.rand(6, 12, generator=rng) < 0.4
    views = KnownPart(inner, given, where)
    x = torch.randn(2 * len(inner), 2, 4, 4, generator=rng, dtype=torch.float64)
    z = views.unproject(x)
    assert torch.equal(z[..., where], given[:, where].expand(2, -1, -1))
    assert torch.equal(z[..., ~where], inner.unproject(x)[..., ~where])
    torch.testing.assert_close(views.unproject(views.project(z)), z, rtol=0, atol=1e-12)
    once = views.project(z)
    torch.testing.assert_close(views.project(views.unproject(once)), once, rtol=0, atol=1e-12)
    finer = views.scaled(2)
    assert finer.canvas == (2, 12, 24) and torch.equal(finer.where[::2, ::2], where)

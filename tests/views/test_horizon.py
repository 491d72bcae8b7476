"""The horizon's ring: the laws, and a continuation to the poles that solves Laplace's equation."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.views.directions import ring, spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.horizon import HorizonRing, harmonic_cap

SIDE, FOV = 16, 80.0
HEIGHT = matching_height(FOV, SIDE)


def horizon(leads: list[int] | None = None) -> HorizonRing:
    return HorizonRing(Equirectangular((2, HEIGHT, 2 * HEIGHT), spread_directions(18), FOV, SIDE), leads)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


ABOVE = [n for n, direction in enumerate(spread_directions(18)) if direction.elevation >= 0]


@pytest.mark.parametrize("leads", [None, ABOVE], ids=["horizon", "horizon and sky"])
def test_both_laws(leads):
    views = horizon(leads)
    z, x = normal(2, *views.canvas), normal(2 * len(views), 2, SIDE, SIDE)
    band = torch.zeros(HEIGHT, 2 * HEIGHT, dtype=torch.bool)
    band[views.top : views.bottom + 1] = True
    assert (views.unproject(views.project(z)) - z)[..., band & views.ring.hit].abs().max() < 1e-12
    once = views.project(views.unproject(x))
    assert (views.project(views.unproject(once)) - once).abs().max() < 1e-12
    torch.testing.assert_close(views.unproject(torch.ones_like(x)), torch.ones(2, *views.canvas, dtype=x.dtype))


def test_only_the_horizons_views_are_asked_and_they_see_as_high_as_geometry_says():
    views, z = horizon(), normal(1, 2, HEIGHT, 2 * HEIGHT)
    assert len(views) == 8 and torch.equal(views.project(z), views.views.project(z)[:8])
    edge = math.degrees(math.atan(math.tan(math.radians(FOV / 2)) * math.cos(math.radians(180 / 8))))
    assert 90 - (views.top + 0.5) * 180 / HEIGHT == pytest.approx(edge, abs=180 / HEIGHT)
    assert views.bottom == HEIGHT - 1 - views.top


def test_leading_views_that_look_up_leave_the_ground_alone_to_continue():
    ring, more = horizon(), horizon(ABOVE)
    assert len(more) == len(more.scaled(2)) == 13 and (more.top, more.bottom) == (0, ring.bottom)
    z = normal(1, 2, HEIGHT, 2 * HEIGHT)
    once = more.unproject(more.project(z))
    torch.testing.assert_close(once[..., : more.bottom, :], more.ring.unproject(more.project(z))[..., : more.bottom, :])
    torch.testing.assert_close(once[..., more.bottom :, :], harmonic_cap(once[..., more.bottom, :], HEIGHT - more.bottom))


def test_a_cap_solves_laplaces_equation_and_keeps_its_edge():
    """On the sphere: (1/sin) d/dtheta (sin df/dtheta) + (1/sin²) d²f/dlambda² = 0, by finite differences."""
    W, rows = 360, 60
    lam = torch.arange(W, dtype=torch.float64) * 2 * math.pi / W
    edge = 0.3 + torch.cos(lam) - 0.5 * torch.sin(3 * lam)
    cap = harmonic_cap(edge, rows)
    torch.testing.assert_close(cap[0], edge, rtol=0, atol=1e-12)
    assert (cap[-1] - 0.3).abs().max() < 0.02
    step = 2 * math.pi / W
    theta = (torch.arange(rows - 1, -1, -1, dtype=torch.float64) + 0.5) * step
    slope = (cap[:-1] - cap[1:]) / step * torch.sin((theta[:-1] + theta[1:]) / 2)[:, None]
    around = (cap.roll(1, -1) - 2 * cap + cap.roll(-1, -1)) / step**2
    rest = (slope[:-1] - slope[1:]) / step / torch.sin(theta[1:-1])[:, None] + around[1:-1] / torch.sin(theta[1:-1])[
        :, None
    ] ** 2
    assert rest[:40].abs().max() < 0.02 * (around[1:41] / torch.sin(theta[1:41])[:, None] ** 2).abs().max()


def test_a_horizon_with_gaps_is_refused():
    with pytest.raises(ValueError, match="gaps in the horizon"):
        HorizonRing(Equirectangular((1, 16, 32), ring(4), 60.0, SIDE, whole=False))

"""Volume rendering: fields whose opacity and depth are known, and ways of computing that must not change the picture."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from synoptic.nerf.normals import analytic_normals, finite_difference_normals
from synoptic.nerf.occupancy import Occupancy
from synoptic.nerf.volume_rendering import (
    Emission,
    RayOutput,
    Rays,
    march_rays,
    ray_sphere,
    render_weights,
    true_indices,
)
from tests.exact import normal
from tests.nerf.known import Known, ball


def through(n: int, offset: float = 0.5) -> Rays:
    """Rays along -z from z = 3, at places spread over the ball."""
    aside = 0.9 * (2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1)
    origin = torch.cat([aside, torch.full_like(aside[:, :1], 3.0)], 1)
    down = torch.tensor([[0.0, 0.0, -1.0]], dtype=torch.float64)
    return Rays(origin, down.expand_as(origin), torch.full_like(aside[:, 0], offset))


def look(field: Known, rays: Rays, **how) -> RayOutput:
    def emit(x: Tensor, ray: Tensor, weight: Tensor) -> Emission:
        density, albedo = field(x)
        return Emission(density, albedo, x[:, :1].square())

    return march_rays(field.density, emit, rays, **how)


def test_weights_from_density_are_weights_from_alpha():
    thick = normal(7, 30).square()
    w = render_weights(thick)
    alpha = -torch.expm1(-thick)
    before = torch.cat([torch.ones_like(alpha[:, :1]), (1 - alpha[:, :-1]).cumprod(1)], 1)
    assert torch.allclose(w, alpha * before, atol=1e-14)
    assert torch.allclose(w.sum(1), -torch.expm1(-thick.sum(1)), atol=1e-14)


def test_chords_of_the_ball():
    origin = torch.tensor([[0.0, 0, 3], [0, 0.6, 3], [0, 1.2, 3], [0, 0, 0], [0, 0, -3]])
    near, far = ray_sphere(Rays(origin, torch.tensor([[0.0, 0, -1]]).expand_as(origin), origin[:, 0]))
    assert torch.allclose(near, torch.tensor([2.0, 2.2, 3, 0, 0])) and torch.allclose(far, torch.tensor([4.0, 3.8, 3, 1, 0]))


def test_a_slab_has_its_opacity_and_depth():
    k, top, thick = 7.0, 0.25, 0.5  # density, where it begins, how much of it
    slab = Known(lambda x: k * ((x[:, 2] <= top) & (x[:, 2] > top - thick)).to(x))
    rays = through(50)
    inside = rays.origin[:, :2].norm(dim=1) < 0.9
    found = look(slab, rays, samples=4000)
    opacity = 1 - math.exp(-k * thick)
    depth = (3 - top) + 1 / k - thick * (1 - opacity) / opacity
    assert torch.allclose(found.opacity[inside], torch.full_like(found.opacity[inside], opacity), atol=2e-3)
    assert torch.allclose(found.depth[inside], torch.full_like(found.depth[inside], depth), atol=2e-3)
    beside = rays.origin[:, :2].norm(dim=1) > 1
    assert beside.any() and not found.opacity[beside].any() and not found.color[beside].any()


def test_a_gaussian_blob_has_its_opacity_and_depth():
    peak, s = 6.0, 0.12
    rays = through(40)
    rays.origin[:, :2] *= 0.3
    found = look(Known(lambda x: peak * (-x.square().sum(1) / (2 * s * s)).exp()), rays, samples=256, min_transmittance=0.0)
    off = rays.origin[:, :2].square().sum(1)
    mass = peak * (-off / (2 * s * s)).exp() * s * math.sqrt(2 * math.pi)
    assert torch.allclose(found.opacity, 1 - (-mass).exp(), atol=1e-6)
    # light is lost along the way as mass times the normal distribution's share: the mean of z over what is stopped
    share = (torch.arange(20000, dtype=torch.float64) + 0.5) / 20000
    z = torch.special.ndtri(share) * s
    stopped = (-mass[:, None] * share).exp()
    assert torch.allclose(found.depth, 3 + (stopped * z).sum(1) / stopped.sum(1), atol=1e-4)


def test_offsets_stratify_and_the_mean_over_them_is_right():
    field = Known(lambda x: 0.5 * (x[:, 2] > 0.1234).to(x))
    many = [look(field, through(30, (k + 0.5) / 16), samples=16).opacity for k in range(16)]
    rays = through(30)
    top = (1 - rays.origin[:, :2].square().sum(1)).clamp(min=0).sqrt()
    right = 1 - (-0.5 * (top - 0.1234).clamp(min=0)).exp()
    assert torch.stack(many).std(0).max() > 0.01 and (torch.stack(many).mean(0) - right).abs().max() < 2e-3


@pytest.mark.parametrize("shaded", [None, analytic_normals, finite_difference_normals(0.02)])
def test_chunks_change_neither_picture_nor_gradient(shaded):
    knob, rays = torch.tensor(3.0, dtype=torch.float64, requires_grad=True), through(60)

    def density(x: Tensor) -> Tensor:
        return knob * (1.3 + torch.sin(5 * x).sum(1)).clamp(min=0)

    def emit(x: Tensor, ray: Tensor, weight: Tensor) -> Emission:
        seen = shaded(density, x) if shaded else x
        return Emission(density(x), torch.cat([seen, rays.origin[ray]], 1), x[:, :1].square())

    found = []
    for chunk in (1000, 60, 17):
        traced = march_rays(density, emit, rays, chunk=chunk)
        (slope,) = torch.autograd.grad(torch.stack([(part * normal(*part.shape)).sum() for part in traced]).sum(), knob)
        found.append((*traced, slope))
    for other in found[1:]:
        assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-14) for a, b in zip(found[0], other, strict=True))


def test_gradients_are_those_of_finite_differences():
    knob = torch.tensor([3.0, 0.4], dtype=torch.float64, requires_grad=True)
    field = Known(lambda x: knob[0] * (-x.square().sum(1) / knob[1]).exp(), lambda x: (knob[1] * x).sin() ** 2)
    rays = through(20)
    assert torch.autograd.gradcheck(lambda _: [*look(field, rays, min_transmittance=0.0)[::2]], knob)


def test_judgements_move_what_is_judged_but_not_the_weights():
    knob = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    traced = look(Known(lambda x: knob * (-x.square().sum(1)).exp()), through(20))
    assert torch.autograd.grad(traced.color.sum(), knob)[0] != 0
    assert not traced.aux.requires_grad and traced.aux.sum() > 0


def test_skipping_empty_space_changes_nothing():
    field, rays, grid = Known(ball()), through(80), Occupancy(24, threshold=1e-9)
    asked: list[int] = []
    field.albedo = lambda x: asked.append(len(x)) or x
    all_of_it = look(field, rays, min_transmittance=0.0)
    grid.update(field.density, torch.Generator().manual_seed(0))
    assert 0.05 < grid.solid.float().mean() < 0.25
    skipped = look(field, rays, min_transmittance=0.0, occupied=grid)
    assert all(torch.equal(a, b) for a, b in zip(all_of_it, skipped, strict=True)) and asked[1] < 0.5 * asked[0]
    stopped = look(field, rays, occupied=grid)
    assert torch.allclose(stopped.color, skipped.color, atol=2e-3) and asked[2] < 0.5 * asked[1]


def test_occupancy_forgets_slowly_and_never_skips_everything():
    grid, rng = Occupancy(8, threshold=1.0, decay=0.5), torch.Generator().manual_seed(0)
    assert grid.solid.all()
    grid.update(lambda x: torch.zeros(len(x)), rng)
    assert grid.solid.all()
    grid.update(lambda x: 3.0 * (x[:, 0] > 0.6), rng)
    corner = torch.tensor([[0.9, 0.0, 0.0], [-0.9, 0.0, 0.0]])
    assert grid(corner).tolist() == [True, False]
    grid.update(lambda x: 3.0 * (x[:, 0] < -0.6), rng)
    assert grid(corner).tolist() == [True, True]
    grid.update(lambda x: 3.0 * (x[:, 0] < -0.6), rng)
    assert grid(corner).tolist() == [False, True]


@pytest.mark.parametrize("capacity", [7, 20])
def test_indices_fill_their_capacity_with_the_place_behind_all(capacity):
    mask = normal(20) > 0.4
    right = mask.nonzero()[:, 0].tolist()
    assert 0 < len(right) <= 7
    assert true_indices(mask, capacity).tolist() == right + [20] * (capacity - len(right))

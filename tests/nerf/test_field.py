"""Fields, their normals, lights, backgrounds and penalties."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.nerf.background import LearnedBackground, RandomBackground, SolidBackground
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.encoding import FrequencyEncoding, HashGrid
from synoptic.nerf.field import NeuralField, gaussian_bias, linearized_exp
from synoptic.nerf.normals import analytic_normals, finite_difference_normals
from synoptic.nerf.regularizers import Penalties, constant, entropy, linear_ramp, opacity_penalty, orientation_penalty
from synoptic.nerf.shading import Light, Lighting, ambient_light, lambert
from tests.exact import generators, normal


def test_a_field_is_born_as_its_bump_and_its_seed_decides_the_rest():
    x = 0.5 * normal(50, 3).float().clamp(-1, 1)
    one, other = (NeuralField(HashGrid(rng=g), rng=g) for g in generators())
    again = NeuralField(HashGrid(rng=(g := generators()[0])), rng=g)
    assert torch.equal(one.density(x), again.density(x)) and not torch.equal(one.density(x), other.density(x))
    born = torch.nn.functional.softplus(10 * (1 - x.norm(dim=1) / 0.5))
    assert torch.allclose(one.density(x), born, atol=5e-3)
    density, albedo = one(x)
    assert torch.equal(density, one.density(x)) and torch.allclose(albedo, torch.full_like(albedo, 0.5), atol=1e-3)


def test_the_exponential_is_one_until_it_goes_on_straight():
    level = torch.tensor([-3.0, 0.0, 10.9, 30.0], requires_grad=True)
    found = linearized_exp(level)
    assert torch.allclose(found[:3], level[:3].exp()) and found[3].item() == pytest.approx(math.exp(11) * 20, rel=1e-5)
    found.sum().backward()
    assert level.grad is not None and level.grad[3].item() == pytest.approx(math.exp(11), rel=1e-5)
    assert torch.isclose(gaussian_bias(5, 0.2)(torch.tensor([[0.2, 0.0, 0.0]])), torch.tensor([5 * math.exp(-0.5)]))


def test_both_kinds_of_normals_point_out_of_a_ball():
    x = normal(40, 3)
    outward = x / x.norm(dim=1, keepdim=True)
    for kind, close in ((analytic_normals, 1e-12), (finite_difference_normals(1e-3), 1e-5)):
        with torch.no_grad():
            found = kind(lambda x: -x.square().sum(1), x)
        assert torch.allclose(found, outward, atol=close) and not found.requires_grad
    assert not analytic_normals(lambda x: 0 * x.sum(1), x).any()


@pytest.mark.parametrize("kind", [analytic_normals, finite_difference_normals(0.02)])
def test_normals_can_be_learned_from(kind):
    g = generators()[0]
    f = NeuralField(FrequencyEncoding(2), (8,), rng=g).double()
    x, toward = 0.3 * normal(20, 3), normal(20, 3, seed=4)
    weight = next(f.net.parameters())

    def cost():
        return (kind(f.raw_density, x) * toward).sum()

    (slope,) = torch.autograd.grad(cost(), weight)
    along, h = normal(*weight.shape, seed=5), 1e-6
    with torch.no_grad():
        weight += h * along
        high = cost()
        weight -= 2 * h * along
        assert torch.isclose((slope * along).sum(), (high - cost()) / (2 * h), rtol=1e-5)


def test_lamberts_law_and_what_textureless_means():
    albedo, up = torch.tensor([[0.2, 0.4, 0.8]]), torch.tensor([[0.0, 1.0, 0.0]])
    above, aside = torch.tensor([[0.0, 3.0, 0.0]]), torch.tensor([[3.0, -1.0, 0.0]])
    part, no = torch.tensor([0.1]), torch.zeros(1)
    assert torch.allclose(lambert(albedo, up, 0 * up, Light(above, part, no)), albedo)
    assert torch.allclose(lambert(albedo, up, 0 * up, Light(aside, part, no)), 0.1 * albedo)
    assert torch.allclose(lambert(albedo, up, 0 * up, Light(above, part, 1 + no)), torch.ones(1, 3))
    assert torch.equal(lambert(albedo, up, 0 * up, ambient_light(1)), albedo)


def test_light_keeps_to_its_schedule_and_draws_alike_before_and_after():
    lighting, camera = Lighting(albedo_steps=10), turntable_cameras(400)
    before, after = (lighting.sample([torch.Generator().manual_seed(k) for k in range(400)], i, camera) for i in (9, 10))
    assert (before.ambient == 1).all() and not before.whiteness.any() and torch.equal(before.position, after.position)
    shaded = after.ambient < 1
    assert 0.68 < shaded.float().mean() < 0.82 and not after.whiteness[~shaded].any()
    assert 0.4 < after.whiteness[shaded].mean() < 0.6
    assert ((after.position.norm(dim=1) > 1.49) & (after.position.norm(dim=1) < 3.01)).all()


def test_backgrounds():
    direction = torch.nn.functional.normalize(normal(3, 5, 3).float(), dim=2)
    drawn = torch.tensor([[0.1, 0.2, 0.3, 0.9], [0.4, 0.5, 0.6, 0.1], [0.0, 0.0, 0.0, 0.49]])
    assert (SolidBackground()(direction, drawn) == 1).all()
    assert torch.equal(RandomBackground()(direction, drawn)[1, 4], drawn[1, :3])
    found = LearnedBackground(0.5, rng=generators()[0])(direction, drawn)
    assert torch.equal(found[1:], RandomBackground()(direction, drawn)[1:]) and len(found[0].unique(dim=0)) == 5
    pale = LearnedBackground(0.5, rng=generators()[0], darkest=0.8)(direction, drawn)
    torch.testing.assert_close(pale[1:], 0.8 + 0.2 * found[1:])
    assert torch.equal(pale[0], found[0])


@pytest.mark.parametrize("midpoint", [0.15, 0.5, 0.8])
def test_entropy_leads_away_from_its_midpoint(midpoint: float):
    o = torch.linspace(0.02, 0.98, 97, requires_grad=True)
    (slope,) = torch.autograd.grad(len(o) * entropy(o, midpoint), o)
    assert (slope[o < midpoint - 0.01] > 0).all() and (slope[o > midpoint + 0.01] < 0).all()
    assert entropy(torch.tensor([midpoint]), midpoint) == pytest.approx(math.log(2))
    penalties = Penalties(entropy=constant(3.0), midpoint=midpoint)
    held = penalties(penalties.weights(0), o, o)
    assert torch.isclose(held, 3 * entropy(o, midpoint)) and (midpoint == 0.5 or not torch.isclose(held, 3 * entropy(o)))


def test_penalties_are_the_papers_and_cost_nothing_when_off():
    o = torch.tensor([0.0, 1.0, 0.5])
    assert opacity_penalty(o) == pytest.approx((0.1 + math.sqrt(1.01) + math.sqrt(0.26)) / 3)
    assert entropy(torch.tensor([0.5])) == pytest.approx(math.log(2)) and entropy(torch.tensor([0.0, 1.0])) < 0.01
    assert orientation_penalty(torch.tensor([0.0, 0.2, 0.4]), o) == pytest.approx(0.3)
    assert Penalties()(Penalties().weights(5), o, o) == 0
    both = Penalties(opacity=linear_ramp(0, 2, 10, 20), entropy=constant(3.0))
    assert torch.isclose(both(both.weights(15), o, o), opacity_penalty(o) + 3 * entropy(o))
    assert torch.isclose(both(both.weights(0), o, o), 3 * entropy(o))
    assert [linear_ramp(0, 2, 10, 20)(i) for i in (0, 10, 15, 20, 99)] == [0, 0, 1, 2, 2]

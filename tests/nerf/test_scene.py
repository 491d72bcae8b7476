"""The radiance field as a scene: drawn by its generators, driven by `optimize`, able to learn an object from pictures."""

from __future__ import annotations

import math

import pytest
import torch

from synoptic.distillation.optimize import optimize
from synoptic.nerf.background import LearnedBackground, RandomBackground, SolidBackground
from synoptic.nerf.cameras import turntable_cameras
from synoptic.nerf.encoding import FrequencyEncoding, HashGrid
from synoptic.nerf.field import NeuralField, gaussian_bias, linearized_exp
from synoptic.nerf.normals import analytic_normals
from synoptic.nerf.regularizers import Penalties, constant, linear_ramp
from synoptic.nerf.scene import RadianceScene
from synoptic.nerf.shading import Light, Lighting
from tests.nerf.known import Known, ball
from tests.nerf.posed import Posed, fitted, fresh, pictures, psnr, toy, views


def generators(n: int = 2) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(10 + k) for k in range(n)]


def small(seed: int = 0) -> RadianceScene:
    """Everything at once: levels that open, light from step 2 on, penalties, a background that learns."""
    rng = torch.Generator().manual_seed(seed)
    return RadianceScene(
        NeuralField(HashGrid(levels=4, finest=32, rng=rng), rng=rng),
        LearnedBackground(rng=rng),
        lighting=Lighting(albedo_steps=2),
        penalties=Penalties(opacity=constant(0.1), entropy=linear_ramp(0, 1, 0, 4), orientation=constant(0.1)),
        levels=lambda step: 2 + step,
        side=lambda step: 12 if step < 3 else 16,
        samples=24,
    )


def test_each_picture_depends_on_its_own_generator_alone():
    both, alone = small(), small()
    with torch.no_grad():
        two = both.render(both.camera(generators(), 5)).image
        one = alone.render(alone.camera(generators()[1:], 5)).image
    assert two.shape == (2, 3, 16, 16) and torch.allclose(two[1:], one, atol=1e-6) and two.abs().max() <= 1 + 1e-6


def test_fit_drives_it_and_goes_on_from_a_state_to_the_bit():
    def loss(x, step, camera, rngs):
        return (x - 0.5).square().sum() + 0 * torch.rand((), generator=rngs[0])

    def run(steps: int, state=None, seed: int = 0):
        scene = small(seed)
        how = {"steps": steps, "lr": lambda i: 0.01, "rngs": generators(), "state": state}
        *_, last = optimize(scene, loss, lambda image: image, **how)
        return scene, last, {name: value.clone() for name, value in last.state().items()}

    whole, straight, _ = run(8)
    _, _, state = run(5)
    resumed, rest, _ = run(8, state, seed=9)
    assert torch.equal(rest.x, straight.x)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert whole.state_dict()["field.active_levels"] == 4


def test_a_known_ball_is_shown_as_it_is():
    scene = RadianceScene(Known(ball(0.5)), SolidBackground(), normal=analytic_normals, samples=256)
    seen = scene.render_views(turntable_cameras(2, elevation=0.0, radius=3.0), 33)
    assert torch.allclose(seen.opacity[:, 0, 16, 16], torch.ones(2), atol=1e-3)
    assert torch.allclose(seen.depth[:, 0, 16, 16], torch.full((2,), 2.5), atol=0.02)
    assert torch.allclose(seen.normal[0, :, 16, 16], torch.tensor([0.0, 0, 1]), atol=0.06)
    assert torch.allclose(seen.normal[1, :, 16, 16], torch.tensor([0.0, 0, -1]), atol=0.06)
    radius = 0.5 / math.sqrt(9 - 0.25) / math.tan(math.radians(17.5)) * 16.5
    assert (seen.opacity[0, 0] > 0.5).sum().item() == pytest.approx(math.pi * radius**2, rel=0.04)
    assert not seen.depth[seen.opacity < 0.5].any() and seen.opacity[0, 0, 0, 0] == 0
    right = Light(torch.tensor([[9.0, 0, 0]]), torch.zeros(1), torch.ones(1))
    lit = scene.render_views(turntable_cameras(1, elevation=0.0), 33, right).color[0, 0]
    assert lit[16, 20] > 0.2 and lit[16, 12] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "field",
    [
        lambda rng: NeuralField(HashGrid(levels=6, finest=48, rng=rng), rng=rng),
        lambda rng: NeuralField(
            FrequencyEncoding(5), (64, 64), density_bias=gaussian_bias(), activation=linearized_exp, rng=rng
        ),
    ],
    ids=["hash grid", "waves"],
)
def test_a_few_steps_on_pictures_bring_it_nearer_to_them(field):
    seen, rng = pictures(toy(), views(8, 1), 24), torch.Generator().manual_seed(0)
    scene = RadianceScene(field(rng), RandomBackground(), side=lambda step: 24, samples=32)
    before = psnr(scene, seen)
    for _ in fitted(scene, seen, 100, lambda i: 1e-2):
        pass
    assert psnr(scene, seen) > before + 4


@pytest.mark.slow
@pytest.mark.timeout(1500)  # hundreds of steps
def test_sixty_pictures_of_an_object_are_enough_to_know_it():
    mesh = toy()
    seen, held = pictures(mesh, views(60, 1)), pictures(mesh, views(20, 2))
    scene = fresh()
    for _ in fitted(scene, seen, 500):
        pass
    assert psnr(scene, Posed(*seen)) > 28 and psnr(scene, held) > 28

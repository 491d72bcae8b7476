"""fit: where it converges, what it gives at each step, and that it goes on to the bit wherever it was stopped."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from diffusers.optimization import get_cosine_schedule_with_warmup
from safetensors.torch import load_file, save_file

from synoptic.diffusion.equations import Pred, coefficients
from synoptic.distillation.image_scene import LatentImage
from synoptic.distillation.losses import StudentTraining, sds, vsd
from synoptic.distillation.optimize import adamw, optimize, warmup_cosine
from synoptic.distillation.scene import Render
from synoptic.distillation.timesteps import uniform_timesteps
from synoptic.distillation.weights import variance
from tests.distillation.exact import S, believer, gaussian
from tests.exact import SHAPE, generators, normal

MODEL = {"cond": gaussian(1), "null": gaussian(2, 0.6)}


def same(image):
    return image


class Mean(torch.nn.Module):
    """A student that knows one picture: x0 is its parameter, whatever x_t."""

    def __init__(self):
        super().__init__()
        self.mean = torch.nn.Parameter(torch.zeros(1, *SHAPE, dtype=torch.float64))

    def __call__(self, x, t, camera=None):
        a, sigma = coefficients(S, t, x)
        return {"student": Pred(self.mean.expand_as(x), (x - a * self.mean) / sigma)}


def test_sds_on_a_gaussian_ends_at_its_mean():
    scene = LatentImage(normal(2, *SHAPE, seed=3))
    loss, rate = sds(believer(**MODEL), S, 1.0, weight=variance), warmup_cosine(0.1, 300, 20, 1.0)
    *_, last = optimize(scene, loss, same, steps=300, lr=rate, rngs=generators())
    assert (last.x - MODEL["cond"].means).abs().max() < 0.1


def test_a_student_learns_the_mean_of_its_particles():
    student, particles = Mean(), normal(4, *SHAPE, seed=3)
    learning = StudentTraining(student, student, S, lr=0.05, timesteps=uniform_timesteps(500, 500))
    for _ in range(300):
        learning.learn(particles, None, generators(4))
    assert (student.mean - particles.mean(0)).abs().max() < 0.05


def test_a_students_two_steps_for_a_render_are_two_lessons():
    particles, ends = normal(2, *SHAPE, seed=3), []
    for steps, lessons_per_step in ((2, 1), (1, 2)):
        student, rngs = Mean(), generators()
        learning = StudentTraining(student, student, S, lr=0.05, steps=steps)
        for _ in range(lessons_per_step):
            learning.learn(particles, None, rngs)
        ends.append(student.mean.detach())
    assert torch.equal(*ends) and ends[0].abs().max() > 0.05
    with pytest.raises(ValueError, match="at least 1 step"):
        StudentTraining(student, student, S, steps=0)


@pytest.mark.parametrize("stop", range(4))
@pytest.mark.parametrize("optimiser", [adamw, partial(torch.optim.SGD, lr=0.0, momentum=0.9)])
def test_stopped_at_any_step_it_goes_on_to_the_bit(stop, optimiser, tmp_path):
    def begin(rngs, state: Any = None):
        student, base = Mean(), believer(**MODEL)
        loss = vsd(lambda x, t, camera: base(x, t) | student(x, t), S)
        more: dict[str, Any] = {
            "learner": StudentTraining(student, student, S, lr=0.01),
            "optimizer": optimiser,
            "state": state,
        }
        scene = LatentImage(normal(2, *SHAPE, seed=0 if state else 3))
        return optimize(scene, loss, same, steps=6, lr=warmup_cosine(0.1, 6, 2), rngs=rngs, **more)

    whole = []
    for step in begin(generators()):
        whole.append(step)
        if step.i == stop:
            save_file(step.state(), tmp_path / "state.safetensors")
    rest = list(begin([torch.Generator() for _ in range(2)], load_file(tmp_path / "state.safetensors")))
    assert [step.i for step in rest] == list(range(stop + 1, 6))
    assert all(
        torch.equal(a.x, b.x) and torch.equal(a.grad_norm, b.grad_norm) for a, b in zip(whole[stop + 1 :], rest, strict=True)
    )
    ends = whole[-1].state(), rest[-1].state()
    assert ends[0].keys() == ends[1].keys() and all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_pictures_fitted_together_are_those_fitted_alone():
    x, loss = normal(3, *SHAPE, seed=3), sds(believer(**MODEL), S)

    def end(rows):
        *_, last = optimize(LatentImage(x[rows]), loss, same, steps=8, lr=lambda i: 0.1, rngs=generators(3)[rows])
        return last.x

    whole = end(slice(0, 3))
    assert torch.allclose(torch.cat([end(slice(k, k + 1)) for k in range(3)]), whole, atol=1e-10)
    assert (whole - x).abs().mean() > 0.2


class Weighed(LatentImage):
    """A scene with a wish of its own."""

    def render(self, camera):
        return Render(self.x.clone(), 3 * self.x.sum())


def test_a_step_tells_the_loss_s_own_gradient_and_the_penalty_moves_the_scene():
    scene, far = Weighed(normal(2, *SHAPE)), normal(2, *SHAPE, seed=8)
    before = scene.x.detach().clone()
    descent = partial(torch.optim.SGD, lr=0.0)
    loss = lambda x, step, camera, rngs: (x * far).sum()  # noqa: E731
    (step,) = optimize(scene, loss, same, steps=1, lr=lambda i: 0.5, rngs=generators(), optimizer=descent)
    assert torch.allclose(step.grad_norm, far.flatten(1).norm(dim=1)) and torch.equal(step.x, before)
    assert torch.allclose(scene.x, before - 0.5 * (far + 3))


def test_rows_that_would_share_their_noise_are_refused():
    with pytest.raises(ValueError, match="generator"):
        next(
            optimize(LatentImage(normal(2, *SHAPE)), sds(believer(**MODEL), S), same, steps=1, lr=float, rngs=generators(1))
        )


def test_the_rate_is_diffusers_own():
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    baseline = get_cosine_schedule_with_warmup(opt, 100, 750)
    ours = warmup_cosine(0.1, 500)
    for i in range(500):
        assert ours(i) == pytest.approx(baseline.get_last_lr()[0], abs=1e-12)
        opt.step()
        baseline.step()
    with pytest.raises(ValueError, match="warm_up"):
        warmup_cosine(0.1, 60, 100)

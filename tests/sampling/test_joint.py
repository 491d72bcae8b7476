"""For crops, a shared start and one noise, six ways to agree are one algorithm; an exact denoiser shows it in float64."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, ddim, ddim_solver, pred_from_output
from synoptic.diffusion.solvers import ancestral_solver, dpm_solver
from synoptic.sampling.joint import Sync, canonical, instance
from synoptic.sampling.single import sample
from synoptic.sampling.step import Step
from synoptic.views.base import Projection
from synoptic.views.windows import Windows
from tests.exact import SHAPE, WINDOW, Mixture, ddpm, flow, generators, normal
from tests.quick import slow_ones

RULES: list[Sync] = ["eps", "x0", "xt"]
VIEWS = {
    "wide": Windows((2, 6, 20), WINDOW, (6, 4), weights="uniform"),
    "wide, feathered, not dividing": Windows((2, 6, 21), WINDOW, (6, 3)),
    "wrapped": Windows((2, 6, 20), WINDOW, (6, 4), circular=True),
    "wrapped, not dividing": Windows((2, 6, 19), WINDOW, (6, 5), circular=True, weights="uniform"),
    "both axes": Windows((2, 12, 16), WINDOW, (3, 4), weights="uniform"),
    "both axes, feathered, not dividing": Windows((2, 11, 17), WINDOW, (4, 5)),
    "both axes, wrapped": Windows((2, 10, 18), WINDOW, (3, 4), circular=True),
    "as few as cover": Windows((2, 6, 20), WINDOW, WINDOW),
}
ONE = {"uniform": Windows(SHAPE, WINDOW, (1, 1), weights="uniform"), "feathered": Windows(SHAPE, WINDOW, (1, 1))}
ONE["wrapped"] = Windows(SHAPE, WINDOW, WINDOW, circular=True)


def on_canvas(space: Callable[..., Iterator[Step]], views: Windows, z: Tensor, **how: Any) -> list[tuple[Tensor, Tensor]]:
    """(x, x0) of every step, brought to the canvas."""
    s = ddpm()
    start, back = (z, lambda u: u) if space is canonical else (views.project(z), views.unproject)
    how = {"rngs": generators(len(z))} | how
    return [(back(step.x), back(step.x0)) for step in space(Mixture(s), s, views, start, steps=s.steps(6), **how)]


@dataclass(frozen=True)
class Extrapolate:
    """A solver with a memory: x0 by Adams and Bashforth's two-step rule, then DDIM."""

    eta: float = 0.0

    def __call__(
        self,
        s: Schedule,
        xt: Tensor,
        x0: Tensor,
        t: Time,
        t_prev: Time,
        history: tuple,
        noise_sampler: Callable[[], Tensor],
        var: Tensor | None = None,
    ) -> tuple[Tensor, tuple]:
        ahead = 1.5 * x0 - 0.5 * history[0] if history else x0
        return ddim(s, xt, ahead, t, t_prev, self.eta, noise_sampler() if self.eta else None), (x0,)


SOLVERS = [ddim_solver(), ddim_solver(0.6), ddim_solver(1.0), Extrapolate(0.5), ancestral_solver(), dpm_solver()]


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("name", slow_ones(VIEWS, ["wide", "wrapped", "both axes", "as few as cover"]))
def test_six_ways_to_agree_are_one(name, solve):
    views = VIEWS[name]
    z = normal(2, *views.canvas)
    first, *others = [
        on_canvas(space, views, z, sync=sync, solver=solve) for space in (instance, canonical) for sync in RULES
    ]
    for other in others:
        for a, b in zip(first, other, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sync", RULES)
def test_instance_rows_stay_projections_of_their_canvas(sync):
    views, s = VIEWS["both axes, feathered, not dividing"], ddpm()
    x = views.project(normal(2, *views.canvas))
    for step in instance(Mixture(s), s, views, x, steps=s.steps(5), sync=sync, solver=ddim_solver(0.5), rngs=generators()):
        torch.testing.assert_close(views.project(views.unproject(step.x)), step.x, rtol=0, atol=1e-12)


def test_a_schedule_from_pure_noise_keeps_the_theorem_for_x0_and_xt():
    s = ddpm(rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")
    views = VIEWS["wide"]

    def denoise(x: Tensor, t: Time, views: Any = None) -> Pred:
        return pred_from_output(s, x, torch.tanh(x.flip(-1)), t)

    z = normal(2, *views.canvas)
    how = {"steps": s.steps(5), "solver": ddim_solver(0.5)}
    ends = []
    for sync in ("x0", "xt"):
        *_, last = instance(denoise, s, views, views.project(z), sync=sync, rngs=generators(), **how)
        *_, end = canonical(denoise, s, views, z, sync=sync, rngs=generators(), **how)
        ends += [views.unproject(last.x), end.x]
    for end in ends:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.7])
@pytest.mark.parametrize("sync", get_args(Sync))
@pytest.mark.parametrize("name", ONE)
def test_one_identity_view_is_sample_bitwise(name, sync, eta):
    views, s, x = ONE[name], ddpm(), normal(2, *SHAPE)
    how = {"steps": s.steps(6), "solver": ddim_solver(eta)}
    plain = list(sample(Mixture(s), s, x, rngs=generators(), **how))
    for space in (instance, canonical):
        if (space, sync) == (canonical, "none"):
            continue
        for a, b in zip(plain, space(Mixture(s), s, views, x, sync=sync, rngs=generators(), **how), strict=True):
            assert (a.i, a.t) == (b.i, b.t)
            assert torch.equal(a.x, b.x) and torch.equal(a.x0, b.x0)


def test_without_sync_every_row_is_its_own_sample():
    views, s = VIEWS["wide"], ddpm()
    x = normal(2 * len(views), *SHAPE)
    *_, together = instance(Mixture(s), s, views, x, steps=s.steps(6), sync="none")
    for k, row in enumerate(x):
        *_, alone = sample(Mixture(s), s, row[None], steps=s.steps(6))
        torch.testing.assert_close(together.x[k], alone.x[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", VIEWS)
def test_the_rules_are_one_algorithm_on_a_flow_from_pure_noise(name):
    views, s = VIEWS[name], flow(shift=3.0)
    z, steps = normal(2, *views.canvas), s.steps(5)
    assert s(steps[0][0]) == (0.0, 1.0)
    ends = []
    for sync in RULES:
        *_, rows = instance(Mixture(s), s, views, views.project(z), steps=steps, sync=sync)
        *_, canvas = canonical(Mixture(s), s, views, z, steps=steps, sync=sync)
        ends += [views.unproject(rows.x), canvas.x]
    assert (ends[0] - z).abs().max() > 1
    for end in ends:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-12)


def test_independent_start_noise_parts_the_rules():
    views, s = VIEWS["wide"], ddpm(set_alpha_to_one=True)
    x = normal(2 * len(views), *SHAPE)
    ends, apart = {}, {}
    for sync in RULES:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            *_, last = instance(Mixture(s), s, views, x, steps=s.steps(6), sync=sync)
        assert [str(w.message).startswith("sync='eps' never reconciles") for w in heard] == [True] * (sync == "eps")
        ends[sync] = views.unproject(last.x)
        apart[sync] = (views.project(ends[sync]) - last.x).abs().max().item()
    assert apart["x0"] < 1e-12 and apart["xt"] < 1e-12
    assert apart["eps"] > 0.1
    for a, b in (("x0", "xt"), ("x0", "eps"), ("xt", "eps")):
        assert (ends[a] - ends[b]).abs().max() > 0.05


def test_shared_start_noise_does_not_warn():
    views, s = VIEWS["wrapped"], ddpm()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(instance(Mixture(s), s, views, views.project(normal(1, *views.canvas)), steps=s.steps(3), sync="eps"))


@pytest.mark.parametrize(
    ("space", "sync", "s", "message"),
    [
        (instance, "x1", ddpm(), "sync must be one of eps, x0, xt, none, 'x1' was given"),
        (canonical, "x1", ddpm(), "sync must be one of eps, x0, xt, none, 'x1' was given"),
        (canonical, "none", ddpm(), "sync='none' has no canvas to hold the state on: use instance()"),
        (instance, "eps", ddpm(rescale_betas_zero_snr=True, timestep_spacing="trailing"), "cannot start where alpha_t is 0"),
        (
            canonical,
            "eps",
            ddpm(rescale_betas_zero_snr=True, timestep_spacing="trailing"),
            "cannot start where alpha_t is 0",
        ),
    ],
)
def test_errors_come_before_the_model_is_called(space, sync, s, message):
    denoise = Mixture(s)
    with pytest.raises(ValueError, match=re.escape(message)):
        next(space(denoise, s, ONE["uniform"], normal(1, *SHAPE), steps=s.steps(4), sync=sync))
    assert not denoise.calls


def loops(views: Windows, eta: float) -> dict[str, tuple[Callable[..., Iterator[Step]], Tensor]]:
    """Each loop as (more arguments) -> Steps, with its start."""
    s, z = ddpm(), normal(2, *views.canvas)

    def begin(space: Callable[..., Iterator[Step]], sync: str) -> Callable[..., Iterator[Step]]:
        return lambda x, **more: space(Mixture(s), s, views, x, steps=s.steps(6), sync=sync, solver=Extrapolate(eta), **more)

    def plain(x: Tensor, **more: Any) -> Iterator[Step]:
        return sample(Mixture(s), s, x, steps=s.steps(6), solver=Extrapolate(eta), **more)

    every: dict[str, tuple[Callable[..., Iterator[Step]], Tensor]] = {"sample": (plain, normal(2, *SHAPE))}
    every |= {f"instance {sync}": (begin(instance, sync), views.project(z)) for sync in get_args(Sync)}
    return every | {f"canonical {sync}": (begin(canonical, sync), z) for sync in RULES}


LOOPS = list(loops(ONE["uniform"], 0))


def states(rngs: Sequence[torch.Generator]) -> list[Tensor]:
    return [rng.get_state() for rng in rngs]


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("k", [1, 4])
def test_resuming_from_a_step_is_bitwise_the_same(name, k):
    loop, x = loops(VIEWS["wide, feathered, not dividing"], 0.5)[name]
    rngs = generators()
    whole, saved = [], []
    for step in loop(x, rngs=rngs):
        whole.append(step)
        saved.append(states(rngs))
    again = generators()
    for rng, state in zip(again, saved[k - 1], strict=True):
        rng.set_state(state)
    rest = list(loop(whole[k - 1].x, rngs=again, history=whole[k - 1].history, start=k))
    for a, b in zip(whole[k:], rest, strict=True):
        assert (a.i, a.t) == (b.i, b.t)
        assert torch.equal(a.x, b.x) and torch.equal(a.x0, b.x0) and torch.equal(a.history[0], b.history[0])


def test_resuming_a_multistep_solver_without_its_past_is_not_the_same():
    loop, x = loops(VIEWS["wide"], 0.0)["canonical x0"]
    whole = list(loop(x))
    assert not torch.equal(list(loop(whole[2].x, start=3))[-1].x, whole[-1].x)


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_lazy_leave_their_start_alone_and_count_their_steps(name):
    loop, x = loops(VIEWS["wide"], 0.5)[name]
    before, rngs = x.clone(), generators()
    steps = loop(x, rngs=rngs)
    assert all(torch.equal(a, b) for a, b in zip(states(rngs), states(generators()), strict=True))
    first = next(steps)
    drawn_once = states(rngs)
    kept = first.x.clone()
    rest = list(steps)
    assert [step.i for step in (first, *rest)] == list(range(6))
    assert [step.t for step in (first, *rest)] == [t for t, _ in ddpm().steps(6)]
    assert torch.equal(first.x, kept) and torch.equal(x, before)
    fresh = generators()
    list(islice(loop(x, rngs=fresh), 1))
    assert all(torch.equal(a, b) for a, b in zip(drawn_once, states(fresh), strict=True))


@pytest.mark.parametrize("space", [instance, canonical])
def test_the_model_is_called_once_a_step_and_told_the_views(space):
    views, s = VIEWS["wide"], ddpm()
    denoise, z = Mixture(s), normal(1, *views.canvas)
    steps = space(denoise, s, views, z if space is canonical else views.project(z), steps=s.steps(6))
    for n, _ in enumerate(steps, 1):
        assert denoise.calls == [views] * n


@pytest.mark.parametrize("name", LOOPS)
def test_iterating_leaves_the_consumers_autograd_on(name):
    loop, x = loops(VIEWS["wide"], 0.0)[name]
    for step in loop(x.requires_grad_()):
        assert torch.is_grad_enabled()
        assert not step.x.requires_grad
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("sync", RULES)
def test_pictures_of_a_batch_do_not_touch(sync):
    views = VIEWS["both axes, wrapped"]
    z = normal(2, *views.canvas)
    together = on_canvas(canonical, views, z, sync=sync, solver=ddim_solver(0.5), rngs=generators(2))
    alone = on_canvas(canonical, views, z[1:], sync=sync, solver=ddim_solver(0.5), rngs=generators(2)[1:])
    for (a, _), (b, _) in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1:], b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("space", [instance, canonical])
def test_views_may_be_a_function_of_the_step(space):
    s, numbers = ddpm(), []
    few, many = Windows((2, 6, 20), WINDOW, (6, 8), circular=True), Windows((2, 6, 20), WINDOW, (6, 8), weights="uniform")
    assert len(few) == len(many)

    def views(i: int) -> Projection:
        numbers.append(i)
        return few if i < 3 else many

    denoise, z = Mixture(s), normal(1, *few.canvas)
    steps = list(space(denoise, s, views, z if space is canonical else few.project(z), steps=s.steps(6)))
    assert numbers == list(range(6)) and denoise.calls == [few] * 3 + [many] * 3
    assert [step.projection for step in steps] == denoise.calls

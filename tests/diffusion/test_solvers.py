"""Solvers: equal to diffusers' schedulers step by step, of the order they promise, and the same however views agree."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Time, ddim, ddim_solver, pred_from_output, randn
from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.diffusion.solvers import (
    ancestral_solver,
    dpm_solver,
    get_solver,
    lcm_solver,
    posterior,
    tcd_solver,
    timestep_pairs,
)
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.options.sampling import Sampler
from synoptic.sampling.joint import canonical, instance
from synoptic.sampling.single import sample
from synoptic.views.anagram import Anagram
from synoptic.views.decompositions import get_components
from synoptic.views.factorized import Factorized
from synoptic.views.negate import Negate
from synoptic.views.rotations import identity, rotate_cw
from tests.exact import SHAPE, Mixture, ddpm, generators, normal

diffusers: Any = importlib.import_module("diffusers")
BUNDLES = ["sd", "if", "if-ii"]


def baseline(kind: str, bundle: str, **config: Any) -> Any:
    """diffusers' scheduler on a bundled model's config, without clipping."""
    given = getattr(diffusers, kind).load_config(BUNDLED_DIR / bundle / "scheduler")
    return getattr(diffusers, kind).from_config(given, **{"clip_sample": False, "thresholding": False} | config)


def nothing() -> Tensor:
    raise AssertionError("nothing is to be drawn")


@pytest.mark.parametrize("n", [1, 2, 4, 8])
@pytest.mark.parametrize("bundle", BUNDLES)
def test_lcm_equals_diffusers_step_by_step(bundle, n):
    scheduler = baseline("LCMScheduler", bundle, timestep_scaling=10.0, original_inference_steps=50)
    scheduler.set_timesteps(n)
    s, solve = schedule_from_config(scheduler.config), lcm_solver()
    x = theirs = normal(2, *SHAPE)
    for k, (t, t_prev) in enumerate(timestep_pairs("lcm", s, n)):
        output, rng = normal(2, *SHAPE), torch.Generator().manual_seed(k)
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(k), dtype=x.dtype)
        theirs = scheduler.step(output, t, theirs, generator=rng, return_dict=False)[0]
        x, _ = solve(s, x, pred_from_output(s, x, output, t).x0, t, t_prev, (), lambda noise=noise: noise)
        assert torch.allclose(x, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 4, 8])
@pytest.mark.parametrize("bundle", BUNDLES)
def test_tcd_equals_diffusers_step_by_step(bundle, n):
    scheduler = baseline("TCDScheduler", bundle, original_inference_steps=50)
    scheduler.set_timesteps(n)
    s, solve = schedule_from_config(scheduler.config), tcd_solver()
    x = theirs = normal(2, *SHAPE)
    for k, (t, t_prev) in enumerate(timestep_pairs("tcd", s, n)):
        output, rng = normal(2, *SHAPE), torch.Generator().manual_seed(k)
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(k), dtype=x.dtype)
        theirs = scheduler.step(output, t, theirs, generator=rng, return_dict=False)[0]
        x, _ = solve(s, x, pred_from_output(s, x, output, t).x0, t, t_prev, (), lambda noise=noise: noise)
        assert torch.allclose(x, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize(
    ("ours", "theirs"), [("small", "fixed_small"), ("large", "fixed_large"), ("learned", "learned_range")]
)
def test_ancestral_equals_diffusers_step_by_step(bundle, ours, theirs):
    scheduler = baseline("DDPMScheduler", bundle, variance_type=theirs)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    s, solve = schedule_from_config(scheduler.config), ancestral_solver(ours)
    steps = s.steps(20)
    scheduler.set_timesteps(timesteps=[t for t, _ in steps])
    x, noise = normal(2, 3, 4, 4), generators(1)[0]
    for k, (t, t_prev) in enumerate(steps[:-1]):
        out, var = normal(2, 3, 4, 4, seed=k), normal(2, 3, 4, 4, seed=100 + k).tanh()
        given = torch.cat([out, var], 1) if ours == "learned" else out
        drawn = torch.Generator().set_state(noise.get_state())
        theirs_next = scheduler.step(given, t, x, generator=noise).prev_sample
        p = pred_from_output(s, x, out, t, var)
        eps = torch.randn(x.shape, generator=drawn, dtype=x.dtype)
        x, _ = solve(s, x, p.x0, t, t_prev, (), lambda eps=eps: eps, p.var)
        torch.testing.assert_close(x, theirs_next, rtol=0, atol=1e-12)
        x = theirs_next


@pytest.mark.slow
def test_ancestral_equals_ifs_pipeline(pixel32):
    """DeepFloyd's own sampler: dynamic thresholds, learned variance of the conditional branch.

    On DeepFloyd's own spacing, which ends at t = 0: from a later time diffusers adds noise to the clean picture.
    """
    pipe = diffusers.IFPipeline.from_pretrained(BUNDLED_DIR / "if", local_files_only=True)
    pipe.scheduler = diffusers.DDPMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading")
    pipe.set_progress_bar_config(disable=True)
    prompts = ["a photo of a horse", "an oil painting of a dog"]
    how = {"num_inference_steps": 5, "guidance_scale": 2.5, "clean_caption": False, "output_type": "pt"}
    theirs = pipe(prompts, **how, generator=generators(2)).images
    rngs, s = generators(2), schedule_from_config(pipe.scheduler.config)
    x = randn(pixel32.shape, rngs)
    denoise = cfg(pixel32, prompts, 2.5, clip=s.clip)
    *_, last = sample(denoise, s, x, steps=s.steps(5), solver=ancestral_solver(), rngs=rngs)
    assert theirs.std() > 0.1
    assert (last.x - theirs).abs().max() <= 1e-4


@pytest.mark.parametrize(
    "s", [ddpm(), schedule_from_config({"_class_name": "FlowMatchEulerDiscreteScheduler"})], ids=["ddpm", "flow"]
)
@pytest.mark.parametrize("n", [3, 10, 50])
def test_ancestral_of_the_small_variance_is_ddim_of_eta_1(s, n):
    x, x0, noise = (normal(2, *SHAPE, seed=k) for k in range(3))
    for t, t_prev in s.steps(n):
        ours, _ = ancestral_solver("small")(s, x, x0, t, t_prev, (), lambda: noise)
        torch.testing.assert_close(ours, ddim(s, x, x0, t, t_prev, 1.0, noise), rtol=0, atol=1e-11)


def test_the_posterior_is_bayes_rule():
    """Its density is that of x_t' given x0 times that of x_t given x_t', for every stride."""
    s, x0, xt, one = ddpm(), 0.3, -0.8, torch.ones(1).double()
    for t, t_prev in [(999, 949), (500, 100), (20, 0)]:
        a, (a_prev, sigma_prev) = s(t)[0], s(t_prev)
        mean, small, beta = posterior(s, xt=one * xt, x0=one * x0, t=t, t_prev=t_prev)
        r = a / a_prev
        y = torch.linspace(-3, 3, 7).double()
        log = -((y - a_prev * x0) ** 2) / (2 * sigma_prev**2) - (xt - r * y) ** 2 / (2 * beta)
        ours = -((y - mean) ** 2) / (2 * small)
        torch.testing.assert_close(log - log[0], ours - ours[0], rtol=1e-9, atol=1e-9)


def test_a_learned_variance_runs_from_small_to_large():
    s, x, one = ddpm(), normal(1, *SHAPE), torch.ones(1, *SHAPE).double()

    def noise_of(variance: Any, var: Tensor | None) -> Tensor:
        with_noise, without = (
            ancestral_solver(variance)(s, x, x, 500, 450, (), lambda k=k: k * one, var)[0] for k in (1, 0)
        )
        return with_noise - without

    small, large = noise_of("small", None), noise_of("large", None)
    assert (small < large).all()
    for v, want in [(-one, small), (one, large), (0 * one, (small * large).sqrt()), (None, small)]:
        torch.testing.assert_close(noise_of("learned", v), want, rtol=0, atol=1e-12)


def test_the_last_step_adds_nothing_and_ends_at_x0():
    s, x, x0 = ddpm(set_alpha_to_one=True), normal(1, *SHAPE), normal(1, *SHAPE, seed=1)
    for solve in (ancestral_solver(), ancestral_solver("large"), dpm_solver()):
        out, _ = solve(s, x, x0, 20, s.final_time, (), nothing, torch.full_like(x, 1.5))
        torch.testing.assert_close(out, x0, rtol=0, atol=1e-14)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # diffusers' own, under numpy 2.4
@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("n", [4, 10, 25])
def test_dpm_equals_diffusers_step_by_step(bundle, n):
    scheduler = baseline("DPMSolverMultistepScheduler", bundle, variance_type=None)
    s, solve = schedule_from_config(scheduler.config), dpm_solver()
    steps, past = s.steps(n), ()
    scheduler.set_timesteps(timesteps=[t for t, _ in steps])
    scheduler.sigmas = torch.tensor([s(t)[1] / s(t)[0] for t, _ in steps] + [0.0]).double()
    x = normal(2, 3, 4, 4)
    for k, (t, t_prev) in enumerate(steps):
        out = normal(2, 3, 4, 4, seed=k)
        theirs = scheduler.step(out, t, x).prev_sample
        x, past = solve(s, x, pred_from_output(s, x, out, t).x0, t, t_prev, past, nothing)
        torch.testing.assert_close(x, theirs, rtol=1e-6, atol=1e-6)  # theirs passes through float32
        x = theirs


def test_dpm_takes_over_from_ddim_where_there_is_no_signal_yet():
    s = ddpm(rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")
    x, past = normal(1, *SHAPE), ()
    ours = theirs = x
    for k, (t, t_prev) in enumerate(s.steps(6)[:3]):
        x0 = normal(1, *SHAPE, seed=k)
        ours, past = dpm_solver()(s, ours, x0, t, t_prev, past, nothing)
        theirs = ddim(s, theirs, x0, t, t_prev)
        assert torch.equal(ours, theirs) == (k < 2) and ours.isfinite().all()


def errors(solve: Any, exact: Any, s: Any, x: Tensor, denoise: Any, counts: list[int]) -> list[float]:
    """How far n steps from time 900 to 100 end from where the flow goes."""
    ends = []
    for n in counts:
        times: list[Time] = list(range(900, 99, -800 // n))
        *_, last = sample(denoise, s, x, steps=list(itertools.pairwise(times)), solver=solve)
        ends.append((last.x - exact).abs().max().item())
    return ends


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("dpm++", 2)])
@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_order_of_convergence(name, order, kind):
    s, x = ddpm(), normal(2, *SHAPE)
    if kind == "gaussian":
        m, spread = 0.4 * normal(1, *SHAPE, seed=9), 0.5
        denoise = Mixture(s, m, (spread,), (1.0,))

        def wide(t: int) -> float:
            a, sigma = s(t)
            return math.sqrt((a * spread) ** 2 + sigma**2)

        exact = s(100)[0] * m + wide(100) / wide(900) * (x - s(900)[0] * m)  # the flow of a Gaussian, in closed form
    else:
        denoise = Mixture(s)
        times: list[Time] = list(range(900, 99, -1))
        *_, fine = sample(denoise, s, x, steps=list(itertools.pairwise(times)), solver=dpm_solver())
        exact = fine.x
    coarse, *_, fine = errors(get_solver(name), exact, s, x, denoise, [25, 50, 100])
    assert math.log2(coarse / fine) / 2 == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("name", ["ddpm", "dpm++"])
def test_resuming_is_bitwise_the_same(name):
    s, x, rngs = ddpm(), normal(2, *SHAPE), generators()
    how = {"steps": s.steps(8), "solver": get_solver(name)}
    whole, states = [], []
    for step in sample(Mixture(s), s, x, rngs=rngs, **how):
        whole.append(step)
        states.append([rng.get_state() for rng in rngs])
    for rng, state in zip(rngs, states[3], strict=True):
        rng.set_state(state)
    rest = list(sample(Mixture(s), s, whole[3].x, rngs=rngs, history=whole[3].history, start=4, **how))
    assert all(torch.equal(a.x, b.x) for a, b in zip(whole[4:], rest, strict=True))


def variances(space: Any, views: Any, x: Tensor, sync: Any) -> tuple[Tensor | None, Tensor]:
    """Return the variance that the solver was given, and the one that the network predicted, one row per view."""
    s, solver_var = ddpm(), []

    def spy(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        solver_var.append(var)
        return ddim(s, xt, x0, t, t_prev), history

    rows = x if space is instance else views.project(x)

    def denoise(x: Tensor, t: Time, views: Any = None) -> Any:
        return pred_from_output(s, x, x, t, rows.sin())

    next(space(denoise, s, views, x, steps=s.steps(4), sync=sync, solver=spy))
    return solver_var[0], rows.sin()


@pytest.mark.parametrize("sync", ["eps", "x0", "xt"])
def test_the_learned_variance_is_the_mean_over_the_views_and_knows_no_sign(sync):
    views = Anagram((3, 8, 8), [identity(), rotate_cw(), Negate()])
    z = normal(2, 3, 8, 8)
    solver_var, network_var = variances(canonical, views, z, sync)
    a, b, c = network_var.unflatten(0, (2, 3)).unbind(1)
    mean = (a + b.rot90(1, (-2, -1)) + c) / 3
    per_view = torch.stack([mean, mean.rot90(-1, (-2, -1)), mean], 1).flatten(0, 1)
    torch.testing.assert_close(solver_var, per_view if sync == "xt" else mean, rtol=0, atol=1e-14)
    solver_var, network_var = variances(instance, views, views.project(z), sync)
    torch.testing.assert_close(solver_var, per_view, rtol=0, atol=1e-14)


def test_without_sync_each_view_keeps_its_learned_variance():
    views = Anagram((3, 8, 8), [identity(), Negate()])
    solver_var, network_var = variances(instance, views, normal(4, 3, 8, 8), "none")
    assert solver_var is not None and torch.equal(solver_var, network_var)


@pytest.mark.parametrize("kind", ["pass", "triple", "color", "motion"])
@pytest.mark.parametrize("sync", ["eps", "x0", "xt"])
def test_a_hybrids_learned_variance_is_the_mean_of_its_views_within_the_network_s_range(kind, sync):
    """visual_anagrams' samplers.py reduces "sum" views by the sum of eps and the mean of whole variances."""
    components = get_components(kind)
    views = Factorized((3, 16, 16), components)
    solver_var, network_var = variances(canonical, views, 3 * normal(2, 3, 16, 16), sync)
    mean = network_var.unflatten(0, (2, len(components))).mean(1)
    wanted = mean.repeat_interleave(len(components), 0) if sync == "xt" else mean
    assert solver_var is not None and solver_var.abs().max() <= network_var.abs().max() <= 1
    torch.testing.assert_close(solver_var, wanted, rtol=0, atol=1e-14)


def test_a_given_photograph_adds_nothing_to_the_learned_variance():
    z, photo = normal(2, 3, 16, 16), normal(1, 3, 16, 16, seed=5)
    solver_var, network_var = variances(canonical, Factorized((3, 16, 16), get_components("pass"), photo), z, "x0")
    assert solver_var is not None and torch.equal(solver_var, network_var)


@pytest.mark.slow
@pytest.mark.parametrize("n", [6])
def test_dpm_is_nearer_the_flow_than_ddim_on_the_bundled_model(sd32, n):
    s, x = sd32.schedule, randn(sd32.shape, generators(1))
    denoise = cfg(sd32, ["a photo of desert dunes"], 1.0)

    def end(name: str, n: int) -> Tensor:
        return list(sample(denoise, s, x, steps=s.steps(n), solver=get_solver(name)))[-1].x

    fine = end("dpm++", 40)
    assert (end("dpm++", n) - fine).norm() < 0.7 * (end("ddim", n) - fine).norm()


def test_steps_are_those_of_diffusers_schedulers():
    for n in (4, 7, 25):
        for bundle in BUNDLES:
            scheduler = baseline("DDPMScheduler", bundle)
            s = schedule_from_config(scheduler.config)
            scheduler.set_timesteps(n)
            steps = timestep_pairs("ddpm", s, n)
            assert steps == timestep_pairs("dpm++", s, n)
            assert steps == [(t, int(scheduler.previous_timestep(t))) for t in scheduler.timesteps.tolist()]
            assert timestep_pairs("ddim", s, n) == s.steps(n)


@pytest.mark.parametrize("name", get_args(get_args(Sampler)[0]))
def test_the_samplers_said_to_add_noise_are_those_that_do(name):
    s, drawn = ddpm(), []
    (t, t_prev), *_ = timestep_pairs(name, s, 4)
    get_solver(name)(s, normal(*SHAPE), normal(*SHAPE), t, t_prev, (), lambda: drawn.append(name) or normal(*SHAPE), None)
    assert bool(drawn) == (name in NOISY_SAMPLERS)


def test_names():
    s, x, x0 = ddpm(), normal(1, *SHAPE), normal(1, *SHAPE, seed=1)

    def step(solve: Any) -> Tensor:
        return solve(s, x, x0, 500, 450, (normal(1, *SHAPE, seed=2), 550), lambda: normal(1, *SHAPE, seed=3))[0]

    for name, solve in [("ddim", ddim_solver()), ("ddpm", ancestral_solver()), ("dpm++", dpm_solver())]:
        assert torch.equal(step(get_solver(name)), step(solve))
    assert torch.equal(step(get_solver("ddim", 0.5)), step(ddim_solver(0.5)))
    for build, message in [
        (lambda: get_solver("euler"), "sampler must be ddim, ddpm, dpm\\+\\+, lcm or tcd, not 'euler'"),
        (
            lambda: get_solver("dpm++", 0.5),
            "eta is the noise of ddim's steps, dpm\\+\\+ has its own: leave eta at 0, not 0.5",
        ),
        (lambda: ancestral_solver("huge"), "variance must be learned, small or large, not 'huge'"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(ValueError, match=message):
            build()

"""The equations: equal to diffusers' schedulers, inverse to one another, exact in their variances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from synoptic.diffusion.ddpm_schedule import DDPMSchedule
from synoptic.diffusion.equations import add_noise, coefficients, ddim, ddim_solver, pred_from_output, randn, tweedie
from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.diffusion.schedules import dynamic_threshold, get_clip, schedule_from_config

PREDICTIONS = ["epsilon", "v_prediction", "sample", "flow"]


def ddim_scheduler(**config: Any) -> Any:
    """diffusers' DDIM with its own float32 table upcast, as `schedule_from_config` does: what is left is the arithmetic."""
    scheduler: Any = DDIMScheduler(**{"beta_schedule": "scaled_linear", "clip_sample": False} | config)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.final_alpha_cumprod = scheduler.final_alpha_cumprod.double()
    return scheduler


def flow_scheduler(**config: Any) -> Any:
    return FlowMatchEulerDiscreteScheduler(**config)


def flow_schedule(**config: Any) -> Any:
    """As from a file, which names the class; a scheduler's own config does not."""
    return schedule_from_config(dict(flow_scheduler(**config).config) | {"_class_name": "FlowMatchEulerDiscreteScheduler"})


def of_prediction(prediction: str, **config: Any) -> Any:
    if prediction == "flow":
        return flow_schedule()
    return schedule_from_config(ddim_scheduler(prediction_type=prediction, **config).config)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("to_one", [True, False])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("offset", [0, 1])
def test_ddim_equals_diffusers(prediction, to_one, eta, offset):
    scheduler = ddim_scheduler(prediction_type=prediction, set_alpha_to_one=to_one, steps_offset=offset)
    s = schedule_from_config(scheduler.config)
    steps = s.steps(7)
    scheduler.set_timesteps(7)
    xt, out, noise = (normal(2, 3, 4, 5, seed=k) for k in range(3))
    for t, t_prev in [steps[0], steps[3], steps[-1]]:
        theirs = scheduler.step(out, t, xt, eta=eta, variance_noise=noise if eta else None)
        mine = pred_from_output(s, xt, out, t)
        torch.testing.assert_close(mine.x0, theirs.pred_original_sample, rtol=1e-12, atol=1e-12)
        x = ddim(s, xt, mine.x0, t, t_prev, eta, noise)
        torch.testing.assert_close(x, theirs.prev_sample, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("to_one", [True, False])
def test_final_alpha_equals_diffusers(to_one):
    scheduler = ddim_scheduler(set_alpha_to_one=to_one)
    s = schedule_from_config(scheduler.config)
    assert s(s.final_time)[0] ** 2 == pytest.approx(scheduler.final_alpha_cumprod.item(), abs=1e-15)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_every_number_of_steps_equals_diffusers(spacing):
    """But the extra step at t = -1 that its trailing spacing adds for 62 of them, out of a rounding error."""
    scheduler = ddim_scheduler(timestep_spacing=spacing)
    s = schedule_from_config(scheduler.config)
    for n in range(2 if spacing == "linspace" else 1, 1001):
        scheduler.set_timesteps(n)
        assert [t for t, _ in s.steps(n)] == scheduler.timesteps[:n].tolist()


def test_zero_terminal_snr_starts_finite_and_equal_to_diffusers():
    scheduler = ddim_scheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")
    s = schedule_from_config(scheduler.config)
    t, t_prev = s.steps(5)[0]
    scheduler.set_timesteps(5)
    xt, v, noise = (normal(2, 3, 4, 4, seed=k) for k in range(3))
    assert s(t) == (0.0, 1.0)
    p = pred_from_output(s, xt, v, t)
    assert torch.equal(p.x0, -v) and torch.equal(p.eps, xt)
    for eta in (0.0, 1.0):
        x = ddim(s, xt, p.x0, t, t_prev, eta, noise)
        theirs = scheduler.step(v, t, xt, eta=eta, variance_noise=noise if eta else None).prev_sample
        assert x.isfinite().all()
        tolerance = 1e-7 if eta else 1e-12  # theirs is the root of a difference that should be 0
        torch.testing.assert_close(x, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "config", [{"shift": 1.0}, {"shift": 3.0}, {"shift": 3.0, "num_train_timesteps": 500}, {"use_dynamic_shifting": True}]
)
def test_flow_steps_and_euler_equal_diffusers(config):
    scheduler, s = flow_scheduler(**config), flow_schedule(**config)
    for n in (1, 4, 28):
        if config.get("use_dynamic_shifting"):
            scheduler.set_timesteps(sigmas=np.linspace(1, 1 / n, n).tolist(), mu=scheduler.config["max_shift"])
        else:
            scheduler.set_timesteps(n)
        steps = s.steps(n)
        assert [t for t, _ in steps] == scheduler.timesteps.tolist()
        assert [t_prev for _, t_prev in steps] == [*scheduler.timesteps.tolist()[1:], 0.0]
        sigmas = torch.tensor([s(t)[1] for t, _ in steps] + [s(s.final_time)[1]])
        torch.testing.assert_close(sigmas, scheduler.sigmas, rtol=0, atol=1e-7)
        x, v = normal(2, 3, 4, 4).float(), normal(2, 3, 4, 4, seed=1).float()
        for t, t_prev in steps:
            theirs = scheduler.step(v, torch.tensor(t, dtype=torch.float32), x).prev_sample
            mine = ddim(s, x.double(), pred_from_output(s, x.double(), v.double(), t).x0, t, t_prev)
            torch.testing.assert_close(mine, theirs.double(), rtol=0, atol=1e-6)
            x = theirs


@pytest.mark.parametrize("prediction", ["epsilon", "flow"])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_a_step_keeps_the_marginal_and_has_the_forward_posteriors_variance(prediction, eta):
    s = of_prediction(prediction)
    zero, one = torch.zeros(1, 1, 1, 1, dtype=torch.float64), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    for t, t_prev in s.steps(9):
        (a, sigma), (a_prev, sigma_prev) = s(t), s(t_prev)
        of_x0 = ddim(s, a * one, one, t, t_prev, eta, zero).item()
        of_eps = ddim(s, sigma * one, zero, t, t_prev, eta, zero).item()
        of_noise = ddim(s, zero, zero, t, t_prev, eta, one).item()
        assert of_x0 == pytest.approx(a_prev, abs=1e-12)
        assert of_eps**2 + of_noise**2 == pytest.approx(sigma_prev**2, abs=1e-12)
        if sigma_prev:
            r = a / a_prev
            forward = sigma**2 - r**2 * sigma_prev**2
            assert of_noise**2 == pytest.approx(eta**2 / (1 / sigma_prev**2 + r**2 / forward), abs=1e-12)
        else:
            assert of_noise == 0


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("t", [0, 1, 500, 999])
def test_predict_recovers_x0_and_eps_from_an_exact_output(prediction, t):
    s = of_prediction(prediction)
    t = t + 1 if prediction == "flow" and t == 0 else t
    x0, eps, var = (normal(2, 3, 4, 4, seed=k) for k in range(3))
    a, sigma = s(t)
    out = {"epsilon": eps, "v_prediction": a * eps - sigma * x0, "sample": x0, "flow": eps - x0}[prediction]
    p = pred_from_output(s, add_noise(s, x0, eps, t), out, t, var)
    torch.testing.assert_close(p.x0, x0, rtol=0, atol=1e-12)
    torch.testing.assert_close(p.eps, eps, rtol=0, atol=1e-12)
    assert p.var is var


@pytest.mark.parametrize("prediction", ["epsilon", "flow"])
def test_tweedie_inverts_add_noise(prediction):
    s = of_prediction(prediction)
    x0, eps = normal(2, 3, 4, 4), normal(2, 3, 4, 4, seed=1)
    for t in (1, 400, 999):
        torch.testing.assert_close(tweedie(s, add_noise(s, x0, eps, t), eps, t), x0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("eta", [0.0, 0.7])
@pytest.mark.parametrize("to_one", [True, False])
def test_a_tensor_of_times_equals_each_rows_own(prediction, eta, to_one):
    s = of_prediction(prediction, set_alpha_to_one=to_one)
    at = torch.tensor([999, 500, 20, 1])
    before = torch.tensor([979, 480, 0, s.final_time])
    xt, out, noise = (normal(4, 3, 4, 4, seed=k) for k in range(3))

    def everything(k: slice, t: Any, t_prev: Any) -> list[Tensor]:
        p = pred_from_output(s, xt[k], out[k], t)
        x = ddim(s, xt[k], p.x0, t, t_prev, eta, noise[k])
        return [p.x0, p.eps, x, add_noise(s, xt[k], out[k], t_prev), tweedie(s, xt[k], out[k], t)]

    together = everything(slice(None), at, before)
    alone = [everything(slice(k, k + 1), at[k].item(), before[k].item()) for k in range(4)]
    for whole, rows in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(whole, torch.cat(rows), rtol=1e-12, atol=1e-12)


def test_a_tensor_of_times_keeps_the_states_dtype():
    x = normal(2, 3, 4, 4).float()
    a, sigma = coefficients(of_prediction("epsilon"), torch.tensor([10, 20]), x)
    assert isinstance(a, torch.Tensor) and isinstance(sigma, torch.Tensor)
    assert (a.shape, a.dtype, sigma.dtype) == ((2, 1, 1, 1), torch.float32, torch.float32)


def test_end_is_the_clean_image():
    x0, eps = normal(1, 3, 4, 4), normal(1, 3, 4, 4, seed=1)
    for s in (of_prediction("epsilon"), of_prediction("flow")):
        assert torch.equal(add_noise(s, x0, eps, s.final_time), x0)


@pytest.mark.parametrize(("ratio", "limit"), [(0.995, 1.0), (0.95, 1.5), (0.8, 5.0)])
def test_dynamic_threshold_equals_diffusers(ratio, limit):
    scheduler = ddim_scheduler(thresholding=True, dynamic_thresholding_ratio=ratio, sample_max_value=limit)
    x0 = (normal(4, 3, 8, 8) * torch.tensor([0.1, 0.8, 1.3, 4.0]).view(-1, 1, 1, 1)).float()
    torch.testing.assert_close(dynamic_threshold(x0, ratio, limit), scheduler._threshold_sample(x0), rtol=0, atol=1e-7)


def test_config_prefers_thresholding_to_clip_sample():
    x0 = 3 * normal(2, 3, 8, 8).float()
    both = ddim_scheduler(thresholding=True, clip_sample=True, sample_max_value=1.5, dynamic_thresholding_ratio=0.9)
    dynamic, static = (
        schedule_from_config(both.config).clip,
        schedule_from_config(ddim_scheduler(clip_sample=True, clip_sample_range=2.0).config).clip,
    )
    assert dynamic and static
    assert torch.equal(dynamic(x0), dynamic_threshold(x0, 0.9, 1.5))
    assert torch.equal(static(x0), x0.clamp(-2, 2))
    assert schedule_from_config(ddim_scheduler().config).clip is None


def test_clipping_names():
    s = schedule_from_config(ddim_scheduler(clip_sample=True).config)
    x0 = 3 * normal(2, 3, 8, 8)
    static = get_clip("static", s)
    assert static and torch.equal(static(x0), x0.clamp(-1, 1))
    assert get_clip("auto", s) is s.clip
    assert get_clip("none", s) is None
    assert get_clip("dynamic", s) is dynamic_threshold
    with pytest.raises(ValueError, match="clip must be auto, none, static or dynamic, not 'hard'"):
        get_clip("hard", s)


@pytest.mark.parametrize(
    ("config", "n", "message"),
    [
        ({}, 0, "steps must be between 1 and 1000 for this model, not 0"),
        ({}, 1001, "steps must be between 1 and 1000 for this model, not 1001"),
        ({"steps_offset": 1}, 1000, "1000 steps with steps_offset 1 begin past the last time, 999"),
        ({"timestep_spacing": "karras"}, 5, "timestep_spacing must be leading, trailing or linspace, not 'karras'"),
        ({"prediction_type": "score"}, 5, "prediction_type must be epsilon, v_prediction or sample, not 'score'"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, 0, "steps must be at least 1, not 0"),
    ],
)
def test_errors_name_the_rule_and_what_was_given(config, n, message):
    with pytest.raises(ValueError, match=message):
        schedule_from_config(config).steps(n)


@pytest.mark.parametrize("eta", [-0.1, 1.1])
def test_eta_beyond_its_range_is_an_error(eta):
    with pytest.raises(ValueError, match="eta must be between 0 and 1"):
        ddim_solver(eta)


def test_a_flow_config_is_known_without_its_class_name():
    assert isinstance(schedule_from_config(flow_scheduler(shift=3.0).config), FlowMatchingSchedule)


def test_eta_without_noise_is_an_error():
    s, x = of_prediction("epsilon"), normal(1, 3, 4, 4)
    with pytest.raises(ValueError, match="give noise, shaped as xt"):
        ddim(s, x, x, 500, 480, eta=0.5)


def test_the_deterministic_solver_draws_nothing_and_the_stochastic_one_once():
    s, xt, x0 = of_prediction("epsilon"), normal(1, 3, 4, 4), normal(1, 3, 4, 4, seed=1)
    drawn: list[Tensor] = []

    def draw() -> Tensor:
        drawn.append(normal(1, 3, 4, 4, seed=2))
        return drawn[-1]

    assert torch.equal(ddim_solver()(s, xt, x0, 500, 480, (), draw)[0], ddim(s, xt, x0, 500, 480))
    assert not drawn
    x, past = ddim_solver(0.5)(s, xt, x0, 500, 480, ("kept",), draw)
    assert past == ("kept",) and len(drawn) == 1
    assert torch.equal(x, ddim(s, xt, x0, 500, 480, 0.5, drawn[0]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_of_an_item_does_not_depend_on_what_else_is_drawn(dtype):
    like = torch.empty(0, dtype=dtype)

    def draws(*seeds: int) -> list[Tensor]:
        rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        return [randn((3, 5), rngs, like) for _ in range(2)]

    for alone, together in zip(draws(7), draws(5, 7, 9), strict=True):
        assert alone.dtype == together.dtype == dtype
        assert torch.equal(alone[0], together[1])
        assert not torch.equal(together[0], together[1])


def test_schedules_are_told_apart_by_their_config():
    assert isinstance(schedule_from_config(ddim_scheduler().config), DDPMSchedule)
    assert isinstance(flow_schedule(shift=3.0), FlowMatchingSchedule)
    assert [of_prediction(p).prediction for p in PREDICTIONS] == PREDICTIONS

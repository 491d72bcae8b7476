"""Flows' steps: those that each family's own pipeline takes, as its scheduler class computes them."""

from __future__ import annotations

from typing import Any

import diffusers.schedulers
import numpy as np
import pytest
import torch
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from synoptic.diffusion.flow_schedule import FlowMatchingSchedule
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.diffusion.solvers import dpm_solver
from tests.exact import normal

library: Any = diffusers.schedulers
EULER = {"_class_name": "FlowMatchEulerDiscreteScheduler"}
DEV = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
STEPS = (1, 4, 8, 28, 50)


def euler(**config: Any) -> Any:
    return library.FlowMatchEulerDiscreteScheduler(**config)


def check(s: Any, scheduler: Any, n: int) -> None:
    steps = s.steps(n)
    assert [t for t, _ in steps] == scheduler.timesteps.tolist()
    assert [t_prev for _, t_prev in steps] == [*scheduler.timesteps.tolist()[1:], 0.0]
    sigmas = torch.tensor([s(t)[1] for t, _ in steps] + [0.0])
    torch.testing.assert_close(sigmas, scheduler.sigmas, rtol=0, atol=1e-7)


@pytest.mark.parametrize("n", STEPS)
def test_stable_diffusion_3_takes_its_schedulers_own_times(n):
    scheduler = euler(shift=3.0)
    scheduler.set_timesteps(n)
    check(schedule_from_config(EULER | {"shift": 3.0}, "scheduler", 4096), scheduler, n)


@pytest.mark.parametrize("tokens", [1024, 2304, 4096, 6889])
@pytest.mark.parametrize("n", STEPS)
def test_flux_dev_is_shifted_by_the_tokens_of_one_view(n, tokens):
    scheduler = euler(**DEV)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n), mu=calculate_shift(tokens))
    check(schedule_from_config(EULER | DEV, "linspace", tokens), scheduler, n)


@pytest.mark.parametrize("n", STEPS)
def test_flux_schnell_is_not_shifted_and_ends_a_whole_step_before_the_picture(n):
    scheduler = euler(shift=1.0)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n))
    s = schedule_from_config(EULER | {"shift": 1.0}, "linspace", 4096)
    check(s, scheduler, n)
    assert s.steps(n)[-1][0] == pytest.approx(1000 / n)


@pytest.mark.parametrize(("tokens", "mu"), [(1024, 0.63), (2304, 0.847), (4096, 1.15), (6889, 1.623), (None, 1.15)])
def test_mu_has_the_published_values(tokens, mu):
    s = schedule_from_config(EULER | DEV, "linspace", tokens)
    assert isinstance(s, FlowMatchingSchedule) and s.mu == pytest.approx(mu, abs=1e-3)


@pytest.mark.parametrize("kind", ["DPMSolverMultistepScheduler", "UniPCMultistepScheduler"])
@pytest.mark.parametrize("n", [1, 4, 20])
def test_multistep_classes_of_flows_give_their_sigmas(kind, n):
    config = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
    scheduler = getattr(library, kind)(**config)
    scheduler.set_timesteps(n)
    s = schedule_from_config(dict(scheduler.config) | {"_class_name": kind})
    steps = s.steps(n)
    assert s.prediction == "flow" and len(steps) == n
    sigmas = torch.tensor([s(t)[1] for t, _ in steps] + [s(steps[-1][1])[1]])
    torch.testing.assert_close(sigmas, scheduler.sigmas, rtol=0, atol=1e-7)


def test_dpm_on_a_flow_is_diffusers():
    scheduler = library.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, lower_order_final=False
    )
    scheduler.set_timesteps(6)
    s = schedule_from_config(dict(scheduler.config) | {"_class_name": "DPMSolverMultistepScheduler"})
    solver, history = dpm_solver(), ()
    x = theirs = normal(1, 4, 8, 8)
    for k, (t, t_prev) in enumerate(s.steps(6)):
        x0 = torch.tanh(x)
        v = (theirs - torch.tanh(theirs)) / scheduler.sigmas[k]
        theirs = scheduler.step(v, scheduler.timesteps[k], theirs).prev_sample
        x, history = solver(s, x, x0, t, t_prev, history, normal(0).clone)
    torch.testing.assert_close(x, theirs.double(), rtol=0, atol=1e-5)


def test_flow_prediction_without_flow_sigmas_is_refused():
    config = {"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction"}
    with pytest.raises(ValueError, match="'flow_prediction'"):
        schedule_from_config(config)

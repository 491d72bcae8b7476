"""Steps of a schedule: at the times of the config's own diffusers class, meeting and falling."""

from __future__ import annotations

import importlib
import inspect
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from synoptic.diffusion.equations import ddim, pred_from_output
from synoptic.diffusion.scheduler_classes import (
    CONSISTENCY_SCHEDULERS,
    FLOW_SCHEDULERS,
    KNOWN_SCHEDULERS,
    with_class_defaults,
)
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.diffusion.solvers import dpm_solver, timestep_pairs
from synoptic.errors import InputError
from synoptic.guidance.cfg import cfg
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.load import load
from synoptic.sampling.single import sample
from tests.exact import normal

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # diffusers' own, under numpy 2.4
diffusers: Any = importlib.import_module("diffusers")
SPACINGS = ["leading", "trailing", "linspace", None]
COUNTS = [1, 2, 3, 7, 8, 25, 30, 50, 64, 100, 333]
SAME_AS_DDIM = ["DDIMScheduler", "DDPMScheduler", "PNDMScheduler"]
MULTISTEP = ["DPMSolverMultistepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler", "SASolverScheduler"]
DEFAULTS = {False: "leading", True: "linspace"}
CONTINUOUS = ["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler"]


def baseline(kind: str, spacing: str | None, **config: Any) -> tuple[Any, Any]:
    """(diffusers' scheduler, our schedule) of one config, as a file would hold it."""
    config |= {"beta_schedule": "scaled_linear"} | ({"timestep_spacing": spacing} if spacing else {})
    return getattr(diffusers, kind)(**config), schedule_from_config(config | {"_class_name": kind})


def times_of(scheduler: Any, n: int) -> list[float]:
    """Without the repeats of PNDM and Heun, and the time before 0 that a rounding error adds to some of trailing's."""
    scheduler.set_timesteps(n)
    return sorted({t for t in scheduler.timesteps.tolist() if t >= 0}, reverse=True)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("kind", SAME_AS_DDIM + MULTISTEP + CONTINUOUS)
def test_steps_lie_where_their_schedulers_class_has_them(kind, spacing):
    prk = {"skip_prk_steps": True} if kind == "PNDMScheduler" else {}
    for offset in (0, 1):
        scheduler, s = baseline(kind, spacing, steps_offset=offset, **prk)
        for n in COUNTS:
            wanted = times_of(scheduler, n)
            if n == 1 and kind not in MULTISTEP and (spacing or DEFAULTS[kind in CONTINUOUS]) == "linspace":
                wanted = [999]  # the documented exception: a single step of linspace begins at the noisiest time
            assert [t for t, _ in s.steps(n)] == wanted


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("kind", [*SAME_AS_DDIM, *MULTISTEP, *CONTINUOUS, "DPMSolverSinglestepScheduler"])
def test_steps_meet_and_fall_to_the_clean_picture(kind, spacing):
    s = schedule_from_config({"_class_name": kind} | ({"timestep_spacing": spacing} if spacing else {}))
    for n in [*COUNTS, 500, 999]:
        steps = s.steps(n)
        assert len(steps) == n and steps[0][0] <= 999 and steps[-1][1] == s.final_time
        assert all(t_prev == following for (_, t_prev), (following, _) in pairwise(steps))
        assert all(t > t_prev for t, t_prev in steps)


def test_each_sampler_takes_its_class_s_times():
    for kind in (*SAME_AS_DDIM, "DPMSolverMultistepScheduler"):
        for spacing in ("leading", "trailing", "linspace"):
            _, s = baseline(kind, spacing, steps_offset=1)
            multistep, _ = baseline("DPMSolverMultistepScheduler", spacing, steps_offset=1)
            for n in (4, 8, 30):
                assert [t for t, _ in timestep_pairs("dpm++", s, n)] == times_of(multistep, n)
                assert timestep_pairs("ddim", s, n) == timestep_pairs("ddpm", s, n) == s.steps(n)


def test_a_single_step_of_linspace_begins_at_the_noisiest_time():
    for kind in (*SAME_AS_DDIM, *MULTISTEP, *CONTINUOUS):
        _, s = baseline(kind, "linspace")
        assert s.steps(1) == [(999, -1)] == timestep_pairs("dpm++", s, 1)


def test_times_between_the_trained_ones_equal_eulers():
    """A network's eps is given; the step from one time to the next is diffusers' Euler's, which is DDIM's."""
    scheduler, s = baseline("EulerDiscreteScheduler", "linspace", beta_end=0.012, beta_start=0.00085)
    scheduler.set_timesteps(7)
    for k, (t, t_prev) in enumerate(s.steps(7)):
        (a, sigma), (a_prev, _) = s(t), s(t_prev)
        assert sigma / a == pytest.approx(scheduler.sigmas[k].item(), rel=1e-5)
        assert a**2 + sigma**2 == pytest.approx(1, abs=1e-12)
        x, eps = normal(1, 3, 4, 4), normal(1, 3, 4, 4, seed=k)
        theirs = scheduler.step(eps, scheduler.timesteps[k], x / a).prev_sample
        ours = ddim(s, x, pred_from_output(s, x, eps, t).x0, t, t_prev)
        torch.testing.assert_close(ours / a_prev, theirs.double(), rtol=1e-5, atol=1e-5)


def test_no_more_steps_than_the_class_has_times():
    for kind, most in [("DDIMScheduler", 1000), ("UniPCMultistepScheduler", 999), ("DPMSolverMultistepScheduler", 999)]:
        _, s = baseline(kind, "linspace")
        assert len(s.steps(most)) == most
        with pytest.raises(ValueError, match=f"steps must be between 1 and {most} for this model, not {most + 1}"):
            s.steps(most + 1)


@pytest.mark.slow
def test_dpm_gains_from_its_own_times_where_spacing_is_linspace():
    """On the bundled model: eight steps end nearer the flow at DPM-Solver's times than at DDIM's, which end at time 0."""
    model = load("bundled", device="cpu", dtype="float32")
    given = diffusers.DDIMScheduler.load_config(BUNDLED_DIR / "sd/scheduler") | {"timestep_spacing": "linspace"}
    model.schedule = s = schedule_from_config(given)
    x = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(1))
    denoise = cfg(model, ["a photo of a horse"], 1.0)

    def end(steps: Any) -> torch.Tensor:
        return list(sample(denoise, s, x, steps=steps, solver=dpm_solver()))[-1].x

    fine = end(timestep_pairs("dpm++", s, 40))
    own, ddims = end(timestep_pairs("dpm++", s, 8)), end(s.steps(8))
    assert (own - fine).norm() < 0.9 * (ddims - fine).norm()


@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")  # a thousand a class
@pytest.mark.parametrize("kind", KNOWN_SCHEDULERS)
def test_a_silent_config_means_its_own_class(kind):
    """DPMSolverSDEScheduler needs torchsde to be built: its file is read by its signature alone."""
    cls = getattr(diffusers, kind)
    if kind == "DPMSolverSDEScheduler":
        pytest.importorskip("torchsde")
    own = {name: p.default for name, p in inspect.signature(cls.__init__).parameters.items()}
    config = with_class_defaults({"_class_name": kind})
    for key in ("clip_sample", "set_alpha_to_one"):
        assert config[key] == own.get(key, key == "set_alpha_to_one")
    if kind in FLOW_SCHEDULERS:
        return
    s: Any = schedule_from_config({"_class_name": kind})
    assert torch.allclose(s.alphas_cumprod, cls().alphas_cumprod.double(), atol=1e-12)


@pytest.mark.parametrize("kind", ["EulerDiscreteScheduler", "DPMSolverMultistepScheduler", "DDPMScheduler"])
def test_keys_that_a_class_does_not_read_do_not_count(kind):
    """SDXL's released file is Euler's and has `set_alpha_to_one: false`: its steps end at the clean picture all the same."""
    s: Any = schedule_from_config({"_class_name": kind, "set_alpha_to_one": False})
    assert s.final_alpha_cumprod == 1.0
    s = schedule_from_config({"_class_name": "DDIMScheduler", "set_alpha_to_one": False})
    assert s.final_alpha_cumprod == s.alphas_cumprod[0] < 1


def test_euler_ends_where_its_file_says():
    for end, last in (("zero", 0.0), ("sigma_min", None)):
        scheduler = diffusers.EulerDiscreteScheduler(final_sigmas_type=end)
        scheduler.set_timesteps(5)
        a, sigma = schedule_from_config(dict(scheduler.config) | {"_class_name": "EulerDiscreteScheduler"})(-1)
        assert sigma / a == pytest.approx(float(scheduler.sigmas[-1]) if last is None else last, abs=1e-6)


@pytest.mark.parametrize("kind", ["EDMDPMSolverMultistepScheduler", "EDMEulerScheduler", "KarrasVeScheduler", "Mine", 3])
def test_an_unknown_class_is_not_read_as_another(kind):
    with pytest.raises(ValueError, match="scheduler must be one of"):
        schedule_from_config({"_class_name": kind})


@pytest.mark.parametrize("kind", CONSISTENCY_SCHEDULERS)
def test_a_consistency_model_s_times(kind):
    for config in ({}, {"original_inference_steps": 25}, {"num_train_timesteps": 500}):
        scheduler, s = getattr(diffusers, kind)(**config), schedule_from_config(config | {"_class_name": kind})
        for n in (1, 2, 4, 7, 8, 25):
            scheduler.set_timesteps(n)
            assert [t for t, _ in s.steps(n)] == scheduler.timesteps.tolist()
        with pytest.raises(ValueError, match="steps must be between 1"):
            s.steps(51)


SCHEDULES = {
    "ddpm": {"_class_name": "DDIMScheduler"},
    "karras": {"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": True},
    "flow": {"_class_name": "FlowMatchEulerDiscreteScheduler"},
}
NO_TIMES: dict[str, Any] = {
    "text": "3",
    "nothing": None,
    "a truth": True,
    "NaN": math.nan,
    "infinity": math.inf,
    "past the noisiest": 1001,
    "before the clean picture": -1.5,
    "a list": [1, 2],
    "a tensor past the noisiest": torch.tensor([3, 1001]),
    "a tensor before the clean picture": torch.tensor([3, -2]),
    "a mask": torch.tensor([True, False]),
}


@pytest.mark.parametrize("given", NO_TIMES)
@pytest.mark.parametrize("kind", SCHEDULES)
def test_what_is_no_time_of_a_schedule_is_refused(kind, given):
    """It ended deep inside torch, or, of a flow, in a picture with less than no noise."""
    with pytest.raises(InputError, match="t must be") as e:
        schedule_from_config(SCHEDULES[kind])(NO_TIMES[given])
    assert e.value.rule in ("t-type", "t-range")


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_time_of_a_schedule_s_steps_is_one_of_it(kind):
    s = schedule_from_config(SCHEDULES[kind])
    for n in (1, 7, 50):
        for t, t_prev in s.steps(n):
            for one in (t, t_prev, np.float64(t)):
                alpha, sigma = s(one)
                assert alpha**2 + sigma**2 == pytest.approx(1) if kind != "flow" else alpha + sigma == pytest.approx(1)
    assert len(s(torch.tensor([0, 3, 999]))[0]) == 3 and not len(s(torch.tensor([], dtype=torch.long))[0])

"""Karras' noise levels are those of diffusers' own schedulers, class by class."""

from __future__ import annotations

import importlib
from itertools import pairwise, product
from typing import Any

import pytest

from synoptic.diffusion.scheduler_classes import KARRAS_SCHEDULERS, other_spacing
from synoptic.diffusion.schedules import schedule_from_config
from synoptic.diffusion.solvers import timestep_pairs
from tests.quick import slow_ones

pytestmark = pytest.mark.filterwarnings("ignore:__array")  # diffusers' own, under numpy 2.4
diffusers: Any = importlib.import_module("diffusers")
SPACINGS = ("leading", "trailing", "linspace")
TWO_A_STEP = ("HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler")
CONFIG = {"use_karras_sigmas": True, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


def baseline(kind: str, n: int, **config: Any) -> tuple[list[float], list[float], Any]:
    """(noise levels, network's times, our schedule) of one config; diffusers' of the n steps, without the end."""
    if kind == "DPMSolverSDEScheduler":
        pytest.importorskip("torchsde")
    if kind == "DPMSolverSinglestepScheduler":
        config.pop("timestep_spacing", None)  # which it does not know
    theirs = getattr(diffusers, kind)(**CONFIG | config)
    theirs.set_timesteps(n)
    sigmas, times = theirs.sigmas.tolist(), theirs.timesteps.tolist()
    if kind in TWO_A_STEP:
        sigmas, times = [sigmas[0], *sigmas[1::2]], [times[0], *times[1::2]]
    return sigmas[:n], times[:n], schedule_from_config(CONFIG | config | {"_class_name": kind})


@pytest.mark.parametrize(
    ("kind", "spacing"),
    slow_ones(
        product(KARRAS_SCHEDULERS, SPACINGS),
        [(kind, spacing) for kind in KARRAS_SCHEDULERS if kind.startswith("KDPM2") for spacing in SPACINGS][1:],  # seconds
    ),
)
def test_noise_levels_equal_their_class_s(kind, spacing):
    for n in (2, 4, 7, 25, 50):
        sigmas, times, s = baseline(kind, n, timestep_spacing=spacing, **({"steps_offset": 1} if "Euler" in kind else {}))
        steps = s.steps(n)
        ours = [s(t)[1] / s(t)[0] for t, _ in steps]
        assert ours == pytest.approx(sigmas, rel=2e-5)
        assert all(t > t_prev for t, t_prev in steps) and steps[-1][1] == s.final_time
        if kind not in TWO_A_STEP:
            assert [s.network_time(t) for t, _ in steps] == pytest.approx(times, abs=2e-3)


def test_an_even_spacing_in_the_root_of_order_seven():
    """Karras et al. 2022, equation 5, from the noisiest trained level to the cleanest."""
    _, _, s = baseline("DPMSolverMultistepScheduler", 9)
    roots = [(s(t)[1] / s(t)[0]) ** (1 / 7) for t, _ in s.steps(9)]
    assert [b - a for a, b in pairwise(roots)] == pytest.approx([(roots[-1] - roots[0]) / 8] * 8)


@pytest.mark.parametrize("kind", ["EulerDiscreteScheduler", "UniPCMultistepScheduler"])
def test_ends_that_a_file_gives(kind):
    sigmas, _, s = baseline(kind, 6, sigma_min=0.1, sigma_max=9.0)
    assert [s(t)[1] / s(t)[0] for t, _ in s.steps(6)] == pytest.approx(sigmas, rel=2e-5)


def test_a_sampler_of_another_class_takes_its_own():
    """dpm++ on a file of Euler's is DPM++ with Karras' levels; lcm and tcd have none of them, as DDIM's file has not."""
    s = schedule_from_config(CONFIG | {"_class_name": "EulerDiscreteScheduler"})
    sigmas, _, _ = baseline("DPMSolverMultistepScheduler", 5)
    assert [s(t)[1] / s(t)[0] for t, _ in timestep_pairs("dpm++", s, 5)] == pytest.approx(sigmas, rel=2e-5)
    plain = schedule_from_config(CONFIG | {"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": False})
    assert timestep_pairs("lcm", s, 4) == timestep_pairs("lcm", plain, 4)
    assert timestep_pairs("tcd", s, 4) == timestep_pairs("tcd", plain, 4)
    for kind in ("DDIMScheduler", "EulerAncestralDiscreteScheduler"):
        there, not_there = (
            schedule_from_config(CONFIG | {"_class_name": kind, "use_karras_sigmas": k}) for k in (True, False)
        )
        assert there.steps(7) == not_there.steps(7)


def test_other_spacings_are_named_where_they_are_read():
    for kind in KARRAS_SCHEDULERS:
        assert other_spacing({"_class_name": kind, "use_beta_sigmas": True}) == "use_beta_sigmas"
        assert other_spacing({"_class_name": kind, "use_beta_sigmas": False, "timestep_type": "discrete"}) is None
    assert other_spacing({"_class_name": "DDIMScheduler", "use_beta_sigmas": True}) is None
    assert (
        other_spacing({"_class_name": "EulerDiscreteScheduler", "interpolation_type": "log_linear"}) == "interpolation_type"
    )

"""FlowEdit, recomputed by the paper's algorithm on Gaussians, and the same edit by a flow and by a DDPM."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from synoptic.diffusion.equations import Pred, Schedule, Time, coefficients
from synoptic.sampling.flow_edit import flow_edit
from tests.exact import SHAPE, ddpm, flow, generators, normal

SOURCE, BEFORE, AFTER = 0.5 * normal(2, *SHAPE, seed=3), normal(1, *SHAPE, seed=1), normal(1, *SHAPE, seed=2)
SPREADS = (0.3, 0.5)


def velocity(mean: Tensor, spread: float, y: Tensor, share: float) -> Tensor:
    """E[n - x0 | (1 - share) x0 + share n = y], x0 = mean + spread noise."""
    var = (1 - share) ** 2 * spread**2 + share**2
    return (share - (1 - share) * spread**2) / var * (y - (1 - share) * mean) - mean


def gaussians(s: Schedule) -> Callable[..., Pred]:
    """The exact denoisers of both prompts: rows of the first, then rows of the second."""

    def predict(x: Tensor, t: Time, views: object = None) -> Pred:
        a, sigma = coefficients(s, t, x)
        found = []
        for rows, mean, spread in zip(x.chunk(2), (BEFORE, AFTER), SPREADS, strict=True):
            x0 = mean + a * spread**2 / (a**2 * spread**2 + sigma**2) * (rows - a * mean)
            found.append(Pred(x0, (rows - a * x0) / sigma))
        return Pred(torch.cat([p.x0 for p in found]), torch.cat([p.eps for p in found]))

    return predict


def edited(s: Schedule, steps: Sequence[tuple[Time, Time]], start: int = 0) -> Tensor:
    *_, step = flow_edit(gaussians(s), s, SOURCE, steps=steps, start=start, rngs=generators())
    return step.x


@pytest.mark.parametrize("start", [0, 3])
def test_it_is_the_papers_algorithm(start):
    s = flow(shift=3.0)
    steps, rngs, z = s.steps(8), generators(), SOURCE
    for t, t_next in steps[start:]:
        sigma, sigma_next = float(t) / 1000, float(t_next) / 1000
        n = torch.stack([torch.randn(SHAPE, generator=rng, dtype=torch.float64) for rng in rngs])
        noised = (1 - sigma) * SOURCE + sigma * n
        target = velocity(AFTER, SPREADS[1], z + noised - SOURCE, sigma)
        z = z + (sigma_next - sigma) * (target - velocity(BEFORE, SPREADS[0], noised, sigma))
    torch.testing.assert_close(edited(s, steps, start), z, rtol=0, atol=1e-10)
    assert (z - SOURCE).abs().max() > 0.3


def test_a_ddpm_edits_as_the_flow_with_its_signal_to_noise():
    s, rectified = ddpm(set_alpha_to_one=True, timestep_spacing="trailing"), flow()
    steps = s.steps(8)
    times = [1000 * sigma / (a + sigma) for a, sigma in (s(t) for t, _ in steps)]
    same = list(zip(times, [*times[1:], 0.0], strict=True))
    torch.testing.assert_close(edited(s, steps), edited(rectified, same), rtol=0, atol=1e-10)


def test_steps_are_counted_and_one_must_be_left():
    s = flow()
    found = list(flow_edit(gaussians(s), s, SOURCE, steps=s.steps(5), start=2, rngs=generators()))
    assert [step.i for step in found] == [2, 3, 4] and {step.n for step in found} == {5}
    with pytest.raises(ValueError, match="start must be the index of a step, 0 to 4, not 5"):
        next(flow_edit(gaussians(s), s, SOURCE, steps=s.steps(5), start=5, rngs=generators()))

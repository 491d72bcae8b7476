"""SyncDiffusion: its gradient against finite differences and the plain loop, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from synoptic.guidance.syncdiffusion import SyncDiffusion, exponential_decay
from synoptic.io import from_pil, to_pil
from synoptic.metrics.clip import Clip
from synoptic.metrics.fidelity import perceptual_distance
from synoptic.metrics.perceptual import CLIPPatchFeatures, feature_distance
from synoptic.sampling.joint import Sync, canonical
from synoptic.views.window_schedule import WindowSchedule
from synoptic.views.windows import Windows
from tests.exact import WINDOW, Mixture, ddpm, normal

VIEWS = Windows((2, 6, 20), WINDOW, (6, 4))
S = ddpm()
RULES: list[Sync] = ["x0", "eps", "xt"]


def squares(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum((1, 2, 3))


def nudge(weights: dict, **how: Any) -> SyncDiffusion:
    return SyncDiffusion(Mixture(S), lambda x: 0.3 * x, lambda x: x.mean(-1, keepdim=True), squares, weights, **how)


@pytest.mark.parametrize("rows", [1, 2, 50])
@pytest.mark.parametrize("anchor", [0.0, 0.5, 1.0])
def test_each_row_moves_down_its_own_slope_and_the_anchor_stays(anchor, rows):
    x = VIEWS.project(normal(2, *VIEWS.canvas))
    moved = nudge({500: 2.0}, anchor=anchor, max_rows=rows)(x, 500, VIEWS)
    N = len(VIEWS)
    lead, step = min(int(anchor * N), N - 1), 1e-5

    def loss(u: Tensor, b: int) -> Tensor:
        seen = [(0.3 * Mixture(S)(v[None], 500).x0).clamp(-1, 1).mean(-1, keepdim=True) for v in (u, x[b * N + lead])]
        return squares(*seen).sum()

    for b in range(2):
        assert torch.equal(moved[b * N + lead], x[b * N + lead])
        for n in {0, 1, N - 1} - {lead}:
            row, bump = x[b * N + n], torch.zeros_like(x[0])
            bump[1, 2, 3] = step
            slope = (loss(row + bump, b) - loss(row - bump, b)) / (2 * step)
            torch.testing.assert_close((row - moved[b * N + n])[1, 2, 3], 2.0 * slope, rtol=1e-5, atol=1e-9)


def test_weight_0_is_bitwise_the_plain_loop():
    z, steps = normal(2, *VIEWS.canvas), S.steps(5)
    for weights in ({}, {t: 0.0 for t, _ in steps}):
        plain, ours = (canonical(Mixture(S), S, VIEWS, z, steps=steps, view_update=n) for n in (None, nudge(weights)))
        assert all(torch.equal(a.x, b.x) and torch.equal(a.x0, b.x0) for a, b in zip(plain, ours, strict=True))


@pytest.mark.parametrize("sync", RULES)
def test_the_loop_draws_the_views_together_whatever_they_agree_on(sync):
    z, steps = normal(2, *VIEWS.canvas), S.steps(6)
    ends = []
    for weight in (0.0, 3.0):
        *_, last = canonical(
            Mixture(S), S, VIEWS, z, steps=steps, sync=sync, view_update=nudge({t: weight for t, _ in steps})
        )
        x = VIEWS.project(last.x).unflatten(0, (2, -1)).mean(-1)
        ends.append(x.var(1).mean())
    assert ends[1] < 0.9 * ends[0]


def test_the_rules_stay_one_algorithm_when_nudged():
    z, steps, weights = normal(2, *VIEWS.canvas), S.steps(5), {t: 1.0 for t, _ in S.steps(5)}
    ends = [
        list(canonical(Mixture(S), S, VIEWS, z, steps=steps, sync=sync, view_update=nudge(weights)))[-1].x for sync in RULES
    ]
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=0, atol=1e-11)


def test_windows_that_move_are_drawn_together_too():
    moving = WindowSchedule((2, 6, 24), WINDOW, [WINDOW] * 5, torch.Generator().manual_seed(0))
    z, steps = normal(1, 2, 6, 24), S.steps(5)
    plain, ours = (
        list(canonical(Mixture(S), S, moving, z, steps=steps, view_update=n))[-1].x
        for n in (None, nudge({steps[0][0]: 1.0}))
    )
    assert not torch.allclose(plain, ours)


def test_views_of_their_own_at_every_step_need_x0_or_eps():
    with pytest.raises(ValueError, match="sync='xt' keeps its solver's memory in views"):
        next(canonical(Mixture(S), S, lambda i: VIEWS, normal(1, *VIEWS.canvas), steps=S.steps(3), sync="xt"))


def test_weights_decay_over_the_first_steps_and_skip():
    steps = [(900, 800), (800, 700), (700, 600), (600, 500), (500, 400)]
    assert exponential_decay(steps, 20, 0.5, 3, 1) == {900: 20, 800: 10, 700: 5}
    assert exponential_decay(steps, 20, 0.5, 4, 2) == {800: 10, 600: 2.5}


def test_eyes_see_what_the_judge_sees(sd32):
    clip_model = Clip("bundled-grayscale", "cpu")
    with torch.no_grad():
        image = sd32.decode(torch.randn((2, 8, 32, 32), generator=torch.Generator().manual_seed(0)))
        seen = CLIPPatchFeatures(clip_model)(torch.cat([from_pil(picture) for picture in to_pil(image)]))
    assert (
        feature_distance(seen, clip_model.patch_features(to_pil(image))).max()
        < 1e-3
        < 0.1
        < feature_distance(seen[:1], seen[1:]).item()
    )
    distance = perceptual_distance(clip_model, *to_pil(image))
    assert abs(feature_distance(seen[:1], seen[1:]).item() / distance - 1) < 0.01


@pytest.mark.slow
def test_the_gradient_reaches_through_the_bundled_model(sd32):
    from synoptic.guidance.cfg import cfg

    views = Windows((8, 16, 24), (16, 16), (8, 8))
    x = views.project(torch.randn((1, *views.canvas), generator=torch.Generator().manual_seed(0)))
    features, predict = CLIPPatchFeatures(Clip("bundled-grayscale", "cpu")), cfg(sd32, ["a photo of snowy mountains"], 5.0)
    moved = SyncDiffusion(predict, sd32.decode, features, feature_distance, {600: 0.5}, anchor=0.0)(x, 600, views)
    assert torch.equal(moved[0], x[0]) and 0 < (moved[1] - x[1]).abs().max() < 10
    with torch.no_grad():
        first, before, after = (features(sd32.decode(predict(u[None], 600).x0)) for u in (x[0], x[1], moved[1]))
    assert feature_distance(first, after) < feature_distance(first, before)

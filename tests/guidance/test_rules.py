"""Guidance rules against diffusers' guiders; and that a flow stands still at pure noise."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor

import synoptic
from synoptic.diffusion.equations import Pred, pred_from_output
from synoptic.guidance.cfg import extrapolate
from synoptic.guidance.rules import RULES, apg, by_rule, cfg_rescale, cfg_zero_star, hold_at_pure_noise, output

guiders: Any = importlib.import_module("diffusers.guiders")
SCALE = 4.0


def outputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    null, cond = torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
    return null, null + 0.3 * cond


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("most", [5.0, 15.0])
def test_apg_equals_diffusers_guider(eta, most):
    null, cond = outputs()
    guider = guiders.AdaptiveProjectedGuidance(
        guidance_scale=SCALE - 1, adaptive_projected_guidance_rescale=most, eta=eta, use_original_formulation=True
    )
    guider._step = 0
    expected = guider.forward(cond, null).pred
    torch.testing.assert_close(apg(null, cond, SCALE, eta=eta, most=most), expected, rtol=0, atol=1e-6 * SCALE)
    assert (eta, most) == (1.0, 15.0) or (expected - (null + SCALE * (cond - null))).abs().max() > 0.1


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_rescale_equals_diffusers_guider(share):
    null, cond = outputs()
    guider = guiders.ClassifierFreeGuidance(guidance_scale=SCALE, guidance_rescale=share)
    expected = guider.forward(cond, null).pred
    torch.testing.assert_close(cfg_rescale(null, cond, SCALE, share=share), expected, rtol=0, atol=1e-6 * SCALE)


def test_zero_star_equals_diffusers_guider():
    null, cond = outputs()
    guider = guiders.ClassifierFreeZeroStarGuidance(guidance_scale=SCALE, zero_init_steps=0)
    guider._step = 1
    expected = guider.forward(cond, null).pred
    torch.testing.assert_close(cfg_zero_star(null, cond, SCALE), expected, rtol=0, atol=1e-6 * SCALE)


@pytest.mark.parametrize("name", RULES)
def test_scale_1_is_off(name):
    null, cond = outputs(torch.float64)
    torch.testing.assert_close(RULES[name](null, cond, 1.0), cond)


def test_apg_with_all_of_it_is_classifier_free_guidance():
    null, cond = outputs(torch.float64)
    torch.testing.assert_close(apg(null, cond, SCALE, eta=1.0, most=1e9), null + SCALE * (cond - null))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "flow", "sample"])
def test_a_rule_acts_on_what_the_network_gives(prediction):
    level = (0.4, 0.6) if prediction == "flow" else (0.6, 0.8)
    s: Any = type("S", (), {"prediction": prediction, "__call__": lambda self, t: level})()
    x, (null, cond) = outputs(torch.float64)[0], outputs(torch.float64)
    preds = [pred_from_output(s, x, out, 3) for out in (null, cond)]
    torch.testing.assert_close(output(s, x, 3, preds[1]), cond)
    found = by_rule(lambda u, c, w: u + w * (c - u), s)(x, 3, preds[0], preds[1], SCALE)
    for ours, expected in zip(found[:2], extrapolate(preds[0], preds[1], SCALE)[:2], strict=True):
        torch.testing.assert_close(ours, expected)


def test_a_flow_stands_still_at_pure_noise():
    s: Any = lambda t: (1 - t / 1000, t / 1000)  # noqa: E731
    x = outputs()[0]
    predict = hold_at_pure_noise(lambda x, t, views=None: Pred(x * 0, x * 2), s)
    assert all(torch.equal(part, x) for part in predict(x, 1000.0)[:2])
    assert torch.equal(predict(x, 500.0).eps, x * 2)


def last(steps: Any) -> Tensor:
    *_, step = steps
    return step.canvas


def test_generate_takes_every_rule(flow_model):
    model = flow_model("sd3")
    how: dict[str, Any] = {"steps": 4, "guidance_scale": 5.0, "upscalers": "none"}
    found = {rule: last(synoptic.generate.steps(model, "a lion", guidance_rule=rule, **how)) for rule in ("cfg", *RULES)}
    names = list(found)
    assert all((found[a] - found[b]).abs().max() > 1e-3 for i, a in enumerate(names) for b in names[:i])


def test_an_interval_of_all_steps_guides_all_of_them(flow_model):
    model, how = flow_model("sd3"), {"steps": 4, "guidance_scale": 5.0, "upscalers": "none"}
    whole, part, plain = (
        last(synoptic.generate.steps(model, "a lion", guidance_interval=share, **how)) for share in ((0, 1), (0, 0.5), None)
    )
    assert torch.equal(whole, plain) and not torch.equal(part, plain)

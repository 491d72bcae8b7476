"""Pastes: known pixels to the bit, slopes continued, and what is off at the border sinks as a membrane does."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from synoptic.io import from_pil, to_pil
from synoptic.io.blending import composite, downsample_mask, extend_inward

HOLE = pad(torch.ones(1, 1, 24, 24), [12] * 4)


def sinking(reach: float) -> float:
    """q of c[i] = q^i, the falling solution of c[i + 1] + c[i - 1] = (2 + reach^-2) c[i]."""
    half = 1 + reach**-2 / 2
    return half - math.sqrt(half**2 - 1)


def test_a_latents_mask_covers_every_painted_pixel():
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 3, 5], mask[..., 4:, :4] = 1, 0.5
    assert torch.equal(downsample_mask(mask, 4), torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]]]))


@pytest.mark.parametrize("reach", [0.0, 4.0])
def test_composed_pictures_keep_their_known_pixels_to_the_bit(reach):
    known = from_pil(to_pil(torch.rand(1, 3, 16, 16) * 2 - 1)[0])
    mask = (torch.arange(16) > 7).float().expand(1, 1, 16, 16).clone()
    mask[..., 8:10] = 0.5
    painted = composite(3 * torch.randn(1, 3, 16, 16), known, mask, reach)
    assert torch.equal(painted[..., :8], known[..., :8]) and painted.abs().max() <= 1
    assert to_pil(painted)[0].crop((0, 0, 8, 16)).tobytes() == to_pil(known)[0].crop((0, 0, 8, 16)).tobytes()


def test_a_soft_mask_mixes_what_was_painted_with_what_is_known():
    known, mask = torch.rand(1, 3, 48, 48), 0.3 * HOLE
    hard, soft = composite(-known, known, HOLE), composite(-known, known, mask)
    torch.testing.assert_close(soft, mask * hard + (1 - mask) * known)


def test_what_is_carried_over_a_straight_border_sinks_as_a_membrane():
    reach, n = 3.0, 60
    keep = (torch.arange(n) < 10).expand(1, 1, 8, n)
    c = extend_inward(torch.full((1, 3, 8, n), 0.7).double(), keep, reach)
    want = 0.7 * sinking(reach) ** (torch.arange(n) - 9).clamp(min=0).double()
    torch.testing.assert_close(c, want.expand_as(c), rtol=0, atol=0.01)
    assert sinking(reach) == pytest.approx(math.exp(-1 / reach), rel=0.01)


def test_a_membrane_that_reaches_far_continues_a_linear_difference():
    """A harmonic function, of which nothing is left to sink: reach 20 across a hole of 6 pixels."""
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    ramp = (0.05 * x - 0.03 * y).double().expand(1, 3, 16, 16)
    keep = pad(torch.zeros(1, 1, 6, 6), [5] * 4, value=1.0).bool()
    torch.testing.assert_close(extend_inward(keep * ramp, keep, 20.0), ramp, rtol=0, atol=0.01)
    assert not extend_inward(0 * ramp, keep).any()


def test_a_slope_that_was_painted_right_is_left_alone():
    slope = torch.linspace(-0.5, 0.5, 48).double().expand(1, 3, 48, 48)
    torch.testing.assert_close(composite(slope, slope, HOLE), slope, rtol=0, atol=1e-12)


def test_a_step_at_a_straight_border_sinks_from_its_first_pixel_on():
    """What is known is 0, what was painted 0.8; neither has a slope, so there should be none across."""
    n = 60
    mask = (torch.arange(n) > 9).double().expand(1, 1, 8, n)
    found = composite(0.8 * torch.ones(1, 3, 8, n).double(), torch.zeros(1, 3, 8, n).double(), mask)
    depth = (torch.arange(n) - 9).clamp(min=0).double()
    torch.testing.assert_close(found, (0.8 - 0.8 * sinking(4.0) ** depth).expand_as(found), rtol=0, atol=0.01)


def test_a_paste_that_is_off_by_a_shade_shows_no_edge():
    known = torch.linspace(-0.5, 0.5, 48).expand(1, 3, 48, 48)
    pasted = composite(known + 0.2, known, HOLE, 0.0), composite(known + 0.2, known, HOLE)

    def edge(x: Tensor) -> float:
        return (x - known)[..., 11:13, 12:36].diff(dim=-2).abs().max().item()

    assert edge(pasted[0]) > 0.19 and edge(pasted[1]) < 0.06

"""The checker: what works passes, what cannot is told apart by what it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from synoptic.views.anagram import Anagram
from synoptic.views.decompositions import get_components
from synoptic.views.factorized import Factorized
from synoptic.views.registry import FACTORIZATIONS, VIEWS, get_view
from synoptic.views.validate import validate_projection, validate_view
from synoptic.views.windows import Windows


@pytest.mark.parametrize("side", [64, 256])
@pytest.mark.parametrize("name", [*VIEWS, "jigsaw+negate"])
def test_every_view_keeps_the_laws_and_noise_white(name, side):
    laws = validate_view(get_view(name), side, seed=1)
    assert laws.works and laws.sync == "x0, eps or xt", laws.reason
    assert laws.recovery == laws.idempotence == laws.lost_fraction == 0
    assert abs(laws.mean) < 0.01 and abs(laws.variance - 1) < 0.01 and abs(laws.kurtosis - 3) < 0.06
    assert max(abs(laws.across), abs(laws.down), laws.channels) < 0.01


@pytest.mark.parametrize("angle", [10, 45, 120])
def test_a_turn_to_the_nearest_pixels_is_lossy_and_suits_x0(angle):
    laws = validate_view(get_view(f"inner_rotate:{angle}"))
    assert laws.works and laws.sync == "x0" and "lossy" in laws.reason
    assert laws.recovery > 1 and 0.01 < laws.lost_fraction < 0.1


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("fails_blur", ["variance 0.02, not 1", "neighbors across", "neighbors down", "do not come back"]),
        ("fails_white_balance", ["variance 1.06, not 1", "kurtosis"]),
        ("fails_scale", ["variance 0.06, not 1", "kurtosis", "do not come back"]),
        ("rotate_cw+fails_white_balance", ["variance 1.06, not 1"]),
    ],
)
def test_views_that_cannot_work_fail_and_say_why(name, faults):
    laws = validate_view(get_view(name))
    assert not laws.works and laws.sync == "none"
    assert all(fault in laws.reason for fault in faults), laws.reason


@dataclass
class Gained:
    """A view made only to be found out: `change` of a picture, taken back by nothing."""

    change: Any
    name: str = "gained"

    def view(self, z):
        return self.change(z)

    def inverse_view(self, x):
        return x


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda z: z + 0.2, "mean 0.20, not 0"),
        (lambda z: z.mean(1, keepdim=True).expand_as(z) * 3**0.5, "channels that correlate by 1.00"),
        (lambda z: z.repeat_interleave(2, -1)[..., : z.shape[-1]], "neighbors across"),
        (lambda z: z.repeat_interleave(2, -2)[..., : z.shape[-2], :], "neighbors down"),
        (lambda z: z.sign(), "kurtosis 1.00, not 3"),
        (lambda z: z * float("nan"), "mean nan"),
        (lambda z: torch.randn_like(z), "100% of the pixels do not come back"),
    ],
)
def test_each_statistic_catches_the_view_that_breaks_it(change, fault):
    laws = validate_view(Gained(change))
    assert not laws.works and fault in laws.reason


def test_other_views_are_checked_alike():
    canvas = 3, 64, 64
    three = Anagram(canvas, [get_view(name) for name in ("identity", "rotate_cw", "jigsaw+negate")], weights=[1, 2, 3])
    for views in (
        three,
        Windows((3, 64, 160), (64, 64), (64, 24)),
        *(Factorized(canvas, get_components(k)) for k in FACTORIZATIONS),
    ):
        laws = validate_projection(views)
        assert laws.works and laws.recovery < 1e-12 and laws.idempotence < 1e-12, laws.reason
    known = Factorized(canvas, get_components("pass"), torch.zeros(1, 3, 64, 64))
    assert not validate_projection(known).works, "what a photograph fixes is not recovered"

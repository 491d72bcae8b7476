"""Prompts by view: exact where a view has a name, straight between, alike to both sides; and Perp-Neg's weights by view."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from synoptic.guidance.batching import predict_branches
from synoptic.guidance.view_prompts import (
    NEGATIVE_VIEWS,
    VIEW_WORDS,
    complement,
    decay_curve,
    mix_conditions,
    nearest_view,
    perp_neg_weights,
    view_branches,
    view_conditions,
    view_guidance,
    view_perp_neg,
    view_weights,
)
from synoptic.models.base import Conditioning
from synoptic.nerf.cameras import Camera, orbit_cameras
from synoptic.nerf.scene import ViewSample
from synoptic.nerf.shading import ambient_light
from tests.distillation.exact import believer, gaussian
from tests.exact import SHAPE, normal

MUG, PHRASE = "a red mug", "a 3d render of {0}, {1} view"
NAMED = {"front": (0, 0), "side": (90, 0), "back": (180, 10), "overhead": (123, 70)}
T = torch.tensor([300, 700])
SMALL = (3, 16, 16)  # the network is convolutional


def camera(*angles: tuple[float, float]) -> Camera:
    """Views from these azimuths and elevations in degrees."""
    azimuth, elevation = torch.tensor(angles, dtype=torch.float64).deg2rad().unbind(1)
    return orbit_cameras(azimuth, elevation, 3.3, 0.6)


def look(*angles: tuple[float, float]) -> Any:
    nothing = torch.zeros(0)
    return ViewSample(64, camera(*angles), ambient_light(len(angles)), nothing, nothing, nothing)


@pytest.mark.parametrize("word", VIEW_WORDS)
def test_a_view_that_has_a_name_has_its_prompt_to_the_bit(word, sd32):
    cond = view_conditions(sd32, MUG, PHRASE)(look(NAMED[word]))["cond"]
    own = sd32.embed([PHRASE.format(MUG, word)])
    rows, expected = cond.named_tensors(), own.named_tensors()
    assert rows.keys() == expected.keys() == {"text", "text_keys"}
    assert all(torch.equal(rows[name], expected[name]) for name in rows)


def test_shares_are_continuous_alike_to_both_sides_and_all_there_is():
    fine = torch.arange(-540, 540, 0.5)
    for elevation in (0, 30, 41, 60, 89):
        s = view_weights(camera(*((float(a), elevation) for a in fine)))
        assert (s >= 0).all() and torch.allclose(s.sum(1), torch.ones(len(s), dtype=s.dtype))
        assert torch.allclose(s, s.roll(720, 0), atol=1e-12)  # a whole turn
        assert (s[1:] - s[:-1]).abs().max() <= 0.5 / 90 + 1e-9
        assert torch.allclose(s, view_weights(camera(*((-float(a), elevation) for a in fine))), atol=1e-12)
    up = view_weights(camera(*((50.0, float(e)) for e in range(-30, 90))))
    assert (up[1:] - up[:-1]).abs().max() <= 1 / 30 + 1e-9 and up[-1, 3] == 1 and up[0, 3] == 0


def test_halfway_is_the_mean_and_keys_of_a_mixture_are_the_mixture_of_keys(sd32):
    known = {word: sd32.embed([PHRASE.format(MUG, word)]) for word in VIEW_WORDS}
    share = view_weights(camera((45, 0), (-135, 45)))
    mixture = mix_conditions(known, share)
    assert torch.allclose(mixture.text[0], (known["front"].text + known["side"].text)[0] / 2)
    quarter = known["side"].text + known["back"].text + 2 * known["overhead"].text
    assert torch.allclose(mixture.text[1], quarter[0] / 4, atol=1e-6)
    net: Any = sd32
    assert mixture.text_keys is not None
    assert torch.allclose(net.unet.cache_text_keys(mixture.text_only()).text_keys, mixture.text_keys, atol=1e-4)


def test_what_a_view_is_denied_follows_the_paper_s_interpolation():
    angles = [*range(-180, 181, 15)]
    found = perp_neg_weights(camera(*((a, 0) for a in angles)))
    for k, a in enumerate(map(abs, angles)):
        if a < 90:  # r: how much of a front it is
            r = 1 - a / 90
            front, side = 4 * math.exp(-0.5 * r) - 2.426, 4 * math.exp(-0.5 * (1 - r)) - 2.426
        else:  # r: how much of a side
            r = 2 - a / 90
            front, side = math.exp(-0.5 * r) + 0.967, math.exp(-0.5 * r) - 0.606
        assert math.isclose(found["front"][k], front, abs_tol=1e-9) and math.isclose(found["side"][k], side, abs_tol=1e-9)
    fine = perp_neg_weights(camera(*((a / 4, 0) for a in range(721))))
    for weight in fine.values():
        assert (weight >= 0).all() and (weight[1:] - weight[:-1]).abs().max() < 0.01
    assert fine["front"][0] < 1e-3 and fine["front"].argmax() == 720 and float(decay_curve(1, 2, 3, torch.zeros(()))) == 4
    assert not any(perp_neg_weights(camera((180, 75)))[name] for name in NEGATIVE_VIEWS)


def test_denying_takes_only_what_is_at_right_angles_and_of_each_view_its_own_share():
    means = {"cond": gaussian(1), "null": gaussian(2, 0.6), "front": gaussian(3), "side": gaussian(4)}
    x, every, where = normal(2, *SHAPE), believer(**means), look((180, 0), (20, 0))
    before, after = every(x, T), view_perp_neg(every)(x, T, where)
    d = before["cond"].eps - before["null"].eps
    expected = before["cond"].eps
    for name, weight in perp_neg_weights(where.camera).items():
        n = before[name].eps - before["null"].eps
        along = (n * d).flatten(1).sum(1) / (d * d).flatten(1).sum(1)
        expected = expected - weight.view(-1, 1, 1, 1) * (n - along.view(-1, 1, 1, 1) * d)
    taken = before["cond"].eps - after["cond"].eps
    assert torch.allclose(after["cond"].eps, expected) and taken.abs().amax((1, 2, 3)).min() > 0.1
    assert (taken * d).flatten(1).sum(1).abs().max() < 1e-10
    assert all(torch.equal(before[name].eps, after[name].eps) for name in ("null", "front", "side"))


def test_insisting_leads_away_from_the_other_views(pixel32):
    x, t, where = normal(1, *SMALL).float(), torch.tensor([500]), look((180, 0))
    every = view_branches(pixel32, view_conditions(pixel32, MUG, PHRASE, with_complement=True))
    before = every(x, t, where)
    known = [pixel32.embed([PHRASE.format(MUG, word)]) for word in ("front", "side")]
    both = Conditioning.mix(known, torch.tensor([[0.5, 0.5]]))
    other = predict_branches(pixel32, {"other": both})(x, t)["other"]
    assert torch.allclose(before["other"].eps, other.eps, atol=1e-5)
    cond = {weight: view_guidance(every, weight, 500)(x, t, where)["cond"].eps for weight in (0.0, 1.0, 2.0, 3.0)}
    half = view_guidance(every, 3.0, 1000)(x, t, where)["cond"].eps
    assert torch.allclose(half, cond[2.0], atol=1e-5), "half way to no noise it is half way to 1"
    assert torch.allclose(cond[0.0], other.eps, atol=1e-5) and torch.allclose(cond[1.0], before["cond"].eps, atol=1e-6)
    assert torch.allclose(cond[3.0] - cond[0.0], 3 * (cond[1.0] - cond[0.0]), atol=1e-5)
    assert (cond[1.0] - cond[0.0]).abs().max() > 1e-3


def test_the_nearest_word_is_said_for_a_quarter_turn_and_the_others_are_the_rest():
    angles = [(a, 10) for a in (-44, 0, 44, 46, 90, 134, 136, 180, -136, -134, -46)] + [(30, 80)]
    share = view_weights(camera(*angles))
    word = [VIEW_WORDS[k] for k in nearest_view(share).argmax(1)]
    assert word == [*["front"] * 3, *["side"] * 3, *["back"] * 3, *["side"] * 2, "overhead"]
    assert nearest_view(share).sum() == len(angles) and nearest_view(share).max() == 1
    for s in (share, nearest_view(share)):
        rest = complement(s)
        assert torch.allclose(rest.sum(1), torch.ones(len(s), dtype=s.dtype)) and not rest[:, 3].any()
    assert torch.allclose(complement(nearest_view(share))[0], torch.tensor([0, 0.5, 0.5, 0], dtype=share.dtype))


def test_a_view_does_not_depend_on_those_beside_it(pixel32):
    angles = (-100, 20), (170, 50)
    x, t = normal(2, *SMALL).float(), torch.tensor([200, 500])
    believe = view_perp_neg(view_branches(pixel32, view_conditions(pixel32, MUG, PHRASE, with_negative_views=True)))
    together = believe(x, t, look(*angles))
    for k, angle in enumerate(angles):
        alone = believe(x[k : k + 1], t[k : k + 1], look(angle))
        assert all(torch.allclose(alone[name].eps, together[name].eps[k : k + 1], atol=1e-4) for name in alone)
    assert (together["front"].eps - together["cond"].eps).abs().amax((1, 2, 3)).min() > 1e-3


def test_a_negative_is_in_the_null_branch_s_place_or_has_its_own(pixel32):
    x, t, where = normal(1, *SMALL).float(), torch.tensor([500]), look((0, 0))
    blurred = predict_branches(pixel32, {"null": pixel32.embed(["blurred"])})(x, t)["null"].eps
    plain = predict_branches(pixel32, {"null": pixel32.embed([""])})(x, t)["null"].eps
    instead = view_branches(pixel32, view_conditions(pixel32, MUG, negative_prompt="blurred"))(x, t, where)
    beside = view_branches(pixel32, view_conditions(pixel32, MUG, negative_prompt="blurred", separate_negative=True))(
        x, t, where
    )
    assert torch.allclose(instead["null"].eps, blurred, atol=1e-5) and "negative" not in instead
    assert torch.allclose(beside["null"].eps, plain, atol=1e-5) and torch.allclose(
        beside["negative"].eps, blurred, atol=1e-5
    )

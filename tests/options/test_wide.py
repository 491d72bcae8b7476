"""The options of wide: what is filled in, and what makes no sense together."""

from __future__ import annotations

from typing import Any

import pytest

from synoptic.errors import InputError
from synoptic.options.regions import read_region
from synoptic.options.wide import WideOptions
from tests.labels import label


def prepared(*prompts: str, **named: Any) -> WideOptions:
    return WideOptions.from_arguments(*(prompts or ("a lake",)), **named).prepare()


def test_defaults():
    found = prepared()
    assert (found.width, found.height, found.stride, found.space, found.deepcache) == (1536, 256, 8, "canonical", 1)
    assert prepared(sync="none").space == "instance"
    strides = {"dense": 8, "shifted": 32, "thinning": 8, "collage": 16}
    assert {windows: prepared(windows=windows).stride for windows in strides} == strides
    assert prepared(model="bundled-if").stride == 16


@pytest.mark.parametrize("windows", ["dense", "shifted", "thinning", "collage"])
def test_what_is_resolved_stays(windows):
    found = prepared(windows=windows)
    assert found.prepare() == found


def test_fast_fills_in_what_was_not_given():
    fast = prepared(fast=True)
    assert (fast.sampler, fast.steps, fast.stride, fast.deepcache) == ("dpm++", 13, 16, 2)
    assert fast.guidance_interval == (0.0, 0.8)
    given = prepared(fast=True, steps=6, stride=4, guidance_interval=(0.1, 0.5), deepcache=1)
    assert (given.steps, given.stride, given.guidance_interval, given.deepcache) == (6, 4, (0.1, 0.5), 1)
    assert prepared(fast=True, windows="shifted").deepcache == 1


def test_prompt_travel_is_one_picture():
    assert [item.title for item in prepared("a", "b", prompt_travel=True).items()] == ["a | b"]
    assert len(prepared("a", "b").items()) == 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({"width": 128}, "width-native"),
    ({"width": 1540}, "width-multiple"),
    ({"height": 260}, "height-multiple"),
    ({"stride": 33}, "stride-gap"),
    ({"stride": 0}, "stride-at-least"),
    ({"sync": "none", "space": "canonical"}, "sync-space"),
    ({"windows": "shifted", "stride": 8}, "stride-shifted"),
    ({"windows": "collage", "sync": "xt"}, "windows-sync"),
    ({"windows": "collage", "stride": 6}, "collage-multiple"),
    ({"syncdiffusion_weight": -1}, "syncdiffusion_weight-at-least"),
    ({"syncdiffusion_weight": 1, "space": "instance"}, "syncdiffusion-canvas"),
    ({"syncdiffusion_weight": 1, "syncdiffusion_metric": "lpips"}, "missing-package"),
    ({"syncdiffusion_anchor": 2}, "syncdiffusion_anchor-at-most"),
    ({"prompt_travel": True}, "prompt-travel-count"),
    ({"progressive": 0.5}, "progressive-size"),
    ({"progressive": 2}, "progressive-at-most"),
    ({"region": "a lake"}, "region-form"),
    ({"region": "0,0,5,5: "}, "region-form"),
    ({"region": "none.png: a lake"}, "region-mask"),
    ({"region": "90,0,50,50: a lake"}, "region-box"),
    ({"region": "-1,0,1,1: a lake"}, "region-box"),
    ({"region": "0,0,1e999,1: a lake"}, "region-box"),
    ({"region": "0,0,1,1: a lake | a dog | much"}, "region-guidance"),
    ({"region": "0,0,1,1: a lake | a dog | nan"}, "region-guidance"),
    ({"region": "0,0,1,1: a lake | a dog | 1e999"}, "region-guidance"),
    ({"region": "0,0,2,2: a lake"}, "region-box"),
    ({"region": "0,0,8,8: a lake", "width": 2048, "height": 1024, "progressive": 0.4}, "region-box"),
    ({"width": 10**8}, "width-at-most"),
    ({"region": "0,0,1,1: a lake", "windows": "collage"}, "region-collage"),
    ({"deepcache": 0}, "deepcache-at-least"),
    ({"deepcache": 9, "steps": 5}, "deepcache-at-most"),
    ({"deepcache": 2, "windows": "shifted"}, "deepcache-whole"),
    ({"deepcache": 2, "syncdiffusion_weight": 5}, "deepcache-whole"),
    ({"deepcache": 2, "compile": True}, "deepcache-whole"),
    ({"fast": True, "eta": 0.5}, "fast-eta"),
    ({"guidance_interval": (0.8, 0.2)}, "guidance-interval-order"),
    ({"guidance_interval": (0.2, 1.1)}, "guidance_interval-at-most"),
]


@pytest.mark.parametrize(("named", "rule"), BAD, ids=label)
def test_what_makes_no_sense_is_refused_with_its_code(named, rule, monkeypatch):
    monkeypatch.setattr("synoptic.errors.find_spec", lambda name: None)
    with pytest.raises(InputError) as e:
        prepared(**named)
    assert e.value.rule == rule


def test_regions_are_read_in_pixels_and_shares():
    a = read_region("10, 20,110,60.5: a photo of a lake", 200, 100, "no", 5.0)
    assert a.box == (0.05, 0.2, 0.55, 0.605)
    assert (a.prompt, a.negative_prompt, a.guidance_scale) == ("a photo of a lake", "no", 5.0)
    b = read_region("0,0,0.5,1: a horse: brown | a dog | 7.5", 200, 100, "", 5.0)
    assert b.box == (0, 0, 0.5, 1)
    assert read_region(".25,0,5e-1,1.: a", 200, 100, "", 5.0).box == (0.25, 0, 0.5, 1)
    assert (b.prompt, b.negative_prompt, b.guidance_scale) == ("a horse: brown", "a dog", 7.5)

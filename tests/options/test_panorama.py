"""The options of panorama: what is filled in, and what makes no sense together."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.errors import InputError
from synoptic.options.panorama import PanoramaOptions
from synoptic.options.regions import read_sphere_region
from tests.labels import label

PHOTO = Image.new("RGB", (8, 6))
WHOLE, MASK = Image.new("RGB", (128, 64)), Image.linear_gradient("L").resize((128, 64))


def prepared(*prompts: str, **named: Any) -> PanoramaOptions:
    return PanoramaOptions.from_arguments(*(prompts or ("a lake",)), **named).prepare()


def test_defaults():
    found = prepared()
    assert (found.num_views, found.fov, found.height, found.horizon_first, found.pixels_from) == (18, 80, 512, 0.9, 0.5)
    assert len(found.directions()) == 18
    pixels = prepared(model="bundled-if")
    assert (pixels.height, pixels.pixels_from) == (128, 1)
    assert prepared(sync="xt").horizon_first == 0 and prepared(sync="xt").pixels_from == 1
    assert prepared(eta=0.5).pixels_from == prepared(sampler="ddpm").pixels_from == 1
    assert prepared(photo=PHOTO).pixels_from == 0 and prepared(photo=PHOTO, model="bundled-if").pixels_from == 1
    assert prepared(fov=45, num_views=50).height == 1024


def test_a_panorama_to_begin_with_keeps_its_size_and_shows_what_is_above():
    found = prepared(init_panorama=WHOLE)
    assert (found.height, found.strength, found.horizon_first, found.pixels_from) == (64, 0.6, 0, 0.5)
    masked = prepared(init_panorama=WHOLE, mask=MASK)
    assert (masked.height, masked.strength, masked.pixels_from) == (64, 1, 0)
    assert prepared(init_panorama=WHOLE, mask=MASK, strength=0.4).strength == 0.4
    finer = prepared(init_panorama=WHOLE, height=1024, num_views=50, fov=45, strength=0.3)
    assert (finer.height, finer.strength) == (1024, 0.3) and prepared().strength is None
    assert {"init_panorama_sha256", "mask_sha256"} <= masked.to_json().keys()


def test_what_is_resolved_stays():
    masked = prepared(init_panorama=WHOLE, mask=MASK)
    for found in (prepared(), prepared(sync="none"), prepared(region="0,-10,90,10: a dog", prompt_up="the sky"), masked):
        assert found.prepare() == found


def test_prompt_travel_is_one_picture_and_every_text_is_known():
    assert [item.title for item in prepared("a", "b", prompt_travel=True).items()] == ["a | b"]
    assert len(prepared("a", "b").items()) == 2
    found = prepared("a", prompt_up="b", prompt_down="c", region="0,0,9,9: d", negative_prompt="e")
    assert sorted(found.texts()) == ["a", "b", "c", "d", "e"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"height": 16}, "height-at-least"),
    ({"num_views": 12, "fov": 90.0}, "sphere-coverage"),  # a gap narrower than six degrees
    ({"height": 333}, "height-even"),
    ({"num_views": 5}, "num_views-at-least"),
    ({"num_views": 61}, "num_views-at-most"),
    ({"fov": 20}, "fov-at-least"),
    ({"fov": 150}, "fov-at-most"),
    ({"num_views": 8}, "sphere-coverage"),
    ({"fov": 45}, "sphere-coverage"),
    ({"num_views": 6, "fov": 90}, "horizon-gaps"),
    ({"sync": "xt", "horizon_first": 0.5}, "horizon-sync"),
    ({"sync": "xt", "pixels_from": 0.5}, "pixels-from"),
    ({"eta": 1, "pixels_from": 0.5}, "pixels-from"),
    *(({"sampler": name, "pixels_from": 0.5}, "pixels-from") for name in NOISY_SAMPLERS),
    ({"model": "bundled-if", "pixels_from": 0.5}, "pixels-from"),
    ({"pixels_from": 1.5}, "pixels_from-at-most"),
    ({"photo": "none.png"}, "picture-missing"),
    ({"photo": PHOTO, "sync": "eps"}, "photo-sync"),
    ({"photo": PHOTO, "eta": 1}, "photo-sync"),
    ({"photo": PHOTO, "pixels_from": 0.5}, "photo-sync"),
    ({"photo": PHOTO, "photo_fov": 180}, "photo_fov-at-most"),
    ({"mask": MASK}, "init-panorama-needed"),
    ({"strength": 0.5}, "init-panorama-needed"),
    ({"init_panorama": PHOTO}, "init-panorama-shape"),
    ({"init_panorama": Image.new("RGB", (66, 33))}, "init-panorama-shape"),
    ({"init_panorama": WHOLE, "photo": PHOTO}, "init-panorama-photo"),
    ({"init_panorama": WHOLE, "horizon_first": 0.9}, "init-panorama-horizon"),
    ({"init_panorama": WHOLE, "mask": MASK.resize((64, 64))}, "mask-size"),
    ({"init_panorama": WHOLE, "mask": Image.new("L", (128, 64))}, "mask-black"),
    ({"init_panorama": WHOLE, "mask": MASK, "height": 128}, "init-panorama-size"),
    ({"init_panorama": WHOLE, "mask": MASK, "eta": 1}, "mask-sync"),
    ({"init_panorama": WHOLE, "mask": MASK, "sync": "none"}, "mask-sync"),
    ({"init_panorama": WHOLE, "strength": 1.5}, "strength-at-most"),
    ({"prompt_travel": True}, "prompt-travel-count"),
    ({"region": "a lake"}, "region-form"),
    ({"region": "0,0,5,5: "}, "region-form"),
    ({"region": "0,0,5: a lake"}, "region-form"),
    ({"region": "0,50,5,40: a lake"}, "region-box"),
    ({"region": "0,0,200,40: a lake"}, "region-box"),
    ({"region": "0,0,0.5,1: a lake"}, "region-box"),
    ({"region": "0,0,90,1: a lake"}, "region-box"),
    ({"region": "179.5,0,-179.5,90: a lake"}, "region-box"),
    ({"region": "0,-95,20,40: a lake"}, "region-box"),
]


@pytest.mark.parametrize(("named", "rule"), BAD, ids=label)
def test_what_makes_no_sense_is_refused_with_its_code(named, rule):
    with pytest.raises(InputError) as e:
        prepared(**named)
    assert e.value.rule == rule


def test_regions_are_read_in_degrees_and_may_go_over_the_back():
    found = read_sphere_region("150, -10 ,-150,20.5:  a red, round ball ")
    assert found.prompt == "a red, round ball" and (found.left, found.top) == (150, 20.5)
    assert found.holds(180, 0) and found.holds(-179, 20) and found.holds(150, -10)
    assert not found.holds(0, 0) and not found.holds(140, 0) and not found.holds(180, 21)
    front = read_sphere_region("-20,-90,20,90: a dog")
    assert front.holds(0, 90) and front.holds(-20, 0) and not front.holds(180, 0)


@pytest.mark.parametrize(
    ("words", "above", "below"),
    [
        ({}, 0.9, 0.9),
        ({"prompt_up": "a star"}, 0.3, 0.9),
        ({"prompt_down": "grass"}, 0.9, 0.3),
        ({"region": "0,50,90,80: a star"}, 0.3, 0.9),
        ({"region": "0,-90,90,-50: grass"}, 0.9, 0.3),
        ({"region": "0,-20,90,60: a star"}, 0.9, 0.9),
        ({"prompt_up": "a star", "horizon_first": 0.1}, 0.1, 0.1),
        ({"prompt_up": "a star", "horizon_first": 0}, 0, 0),
    ],
)
def test_sky_and_ground_with_words_of_their_own_begin_early(words, above, below):
    found = prepared(**words)
    for direction in found.directions():
        share = 0 if direction.elevation == 0 else above if direction.elevation > 0 else below
        assert found.begin_share(direction) == share

"""The options of anagrams, hybrids and compare-sync: what is filled in, and what makes no sense together."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from synoptic.diffusion.scheduler_classes import NOISY_SAMPLERS
from synoptic.errors import InputError
from synoptic.options import options_class
from synoptic.options.wide import WideOptions


def prepared(name: str, prompts: str, **named: Any) -> Any:
    return options_class(name).from_arguments(*prompts.split(), **named).prepare()


def test_defaults():
    pixels, latents = prepared("anagram", "x y", model="bundled-if"), prepared("anagram", "x y")
    assert (pixels.space, pixels.init_noise, pixels.upscalers) == ("canonical", "shared", ("bundled-if-ii",))
    assert (latents.space, latents.init_noise, latents.upscalers) == ("instance", "independent", ("none",))
    assert pixels.guidance_scale == 3.0 and pixels.prepare() == pixels
    assert prepared("anagram", "x y", style="an oil painting of").prompts()[0] == "an oil painting of x"
    assert prepared("hybrid", "far near middle", kind="triple").prompts() == ["far", "middle", "near"]


def test_compare_sync_is_six_anagrams():
    asked = prepared("compare_sync", "x y", count=2)
    variants = asked.variants()
    assert list(variants)[:3] == ["instance-eps", "instance-x0", "instance-xt"] and len(variants) == 6
    assert {v.init_noise for name, v in variants.items() if name.startswith("instance")} == {"independent"}
    assert all(v.count == 2 and v.steps == asked.steps for v in variants.values())


def test_a_view_that_cannot_work_is_warned_of():
    assert "fails_blur cannot work" in prepared("anagram", "x y", views=("identity", "fails_blur")).warnings()[0]


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    ("anagram", "x", {}, "prompts-views"),
    ("anagram", "x y z", {}, "prompts-views"),
    ("anagram", "x y", {"views": "identity"}, "prompts-views"),
    ("anagram", "x y", {"views": ("identity", "spin")}, "view-unknown"),
    ("anagram", "x y", {"views": ("identity", "patch_permute:7")}, "view-side"),
    ("anagram", "x y", {"views": ("identity", "flip+fails_white_balance"), "view_space": "latents"}, "view-colors"),
    ("anagram", "x y", {"weights": (1,)}, "weights-views"),
    ("anagram", "x y", {"weights": (1, 0)}, "weights-above"),
    ("anagram", "x y", {"model": "bundled-if", "space": "canonical", "init_noise": "independent"}, "init-noise-space"),
    ("anagram", "x y", {"model": "bundled-if", "space": "canonical", "sync": "none"}, "sync-space"),
    ("anagram", "x y", {"model": "bundled-if", "step_repeats": 2}, "looking-glass"),
    ("anagram", "x y", {"blend": "pyramid", "model": "bundled", "view_space": "latents"}, "looking-glass"),
    ("anagram", "x y", {"model": "bundled-if", "first_alone": 0.2}, "looking-glass"),
    ("anagram", "x y", {"model": "bundled", "sync": "eps"}, "views-in-pixels"),
    ("anagram", "x y", {"model": "bundled", "space": "canonical"}, "views-in-pixels"),
    ("anagram", "x y", {"model": "bundled", "eta": 1}, "views-in-pixels"),
    *(("anagram", "x y", {"sampler": name}, "views-in-pixels") for name in NOISY_SAMPLERS),
    ("anagram", "x y", {"model": "bundled", "upscalers": "bundled-if-ii"}, "upscalers-size"),
    ("anagram", "x y", {"model": "bundled-if", "noise_level": 1000}, "noise-level-at-most"),
    ("anagram", "x y", {"seed_search": 2, "count": 3}, "seed-search-count"),
    ("compare_sync", "x y", {"model": "bundled"}, "views-in-pixels"),
    ("hybrid", "x", {}, "prompts-kind"),
    ("hybrid", "x y", {"kind": "triple"}, "prompts-kind"),
    ("hybrid", "x", {"kind": "inverse"}, "photo-kind"),
    ("hybrid", "x y", {"photo": "none.png"}, "photo-kind"),
    ("hybrid", "x", {"kind": "inverse", "photo": "none.png"}, "picture-missing"),
    ("hybrid", "x", {"kind": "inverse", "photo": __file__}, "picture-unreadable"),
    ("hybrid", "x y", {"sigma": 0}, "sigma-above"),
    ("hybrid", "x", {"kind": "inverse", "photo": Image.new("RGB", (8, 8)), "sync": "eps"}, "inverse-sync"),
    ("hybrid", "x y", {"kind": "color", "model": "bundled", "view_space": "latents"}, "kind-latents"),
]


@pytest.mark.parametrize(("name", "prompts", "named", "rule"), BAD, ids=[f"{row[0]}-{row[3]}" for row in BAD])
def test_what_makes_no_sense_is_refused_with_its_code(name, prompts, named, rule):
    with pytest.raises(InputError) as e:
        prepared(name, prompts, **named)
    assert e.value.rule == rule


@pytest.mark.parametrize(
    ("application", "prompts", "warned"),
    [("anagram", "x X", True), ("hybrid", "x x", True), ("anagram", "x y", False)],
)
def test_prompts_that_all_say_the_same_are_warned_of(application, prompts, warned):
    assert any("all prompts are the same" in line for line in prepared(application, prompts).warnings()) == warned


@pytest.mark.parametrize(("prompts", "warned"), [(("a lake", "a  lake"), True), (("a lake", "a sea"), False)])
def test_travel_to_the_same_prompt_is_warned_of(prompts, warned):
    found = WideOptions.from_arguments(*prompts, prompt_travel=True).prepare().warnings()
    assert any("goes nowhere" in line for line in found) == warned

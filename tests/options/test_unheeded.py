"""Options that nothing would heed are refused, or warned of: none is silently dropped."""

from __future__ import annotations

from typing import Any

import pytest

from synoptic.errors import InputError
from synoptic.options import options_class

UNHEEDED = {
    "upscaler_steps": ("generate", {"upscaler_steps": 5}),
    "noise_level": ("anagram", {"noise_level": 3, "model": "bundled"}),
    "syncdiffusion_every": ("wide", {"syncdiffusion_every": 2}),
    "photo_fov": ("panorama", {"photo_fov": 70.0}),
    "sigma": ("hybrid", {"kind": "color", "sigma": 3.0}),
    "view_space": ("anagram", {"view_space": "latents", "model": "bundled-if"}),
    "vae_residual": ("hybrid", {"vae_residual": False}),
}


def prepared(application: str, **options: Any) -> Any:
    prompts = {"prompt": ["a", "b"]} if application in ("anagram", "hybrid") else {"prompt": "a"}
    return options_class(application).from_arguments(**(prompts | options)).prepare()


@pytest.mark.parametrize("name", UNHEEDED)
def test_an_option_that_another_one_makes_meaningless_is_refused(name):
    application, options = UNHEEDED[name]
    with pytest.raises(InputError) as e:
        prepared(application, **options)
    assert e.value.rule == "option-unheeded" and name.replace("_", "-") in str(e.value) and "omit it" in str(e.value)


def test_options_that_are_heeded_and_defaults_are_accepted():
    prepared("wide", syncdiffusion_every=1)
    prepared("wide", syncdiffusion_every=2, syncdiffusion_weight=8.0)
    prepared("anagram", view_space="latents", model="bundled")
    prepared("anagram", noise_level=3, model="bundled-if")
    for application in ("generate", "wide", "anagram", "hybrid", "panorama"):
        once = prepared(application)
        assert once.from_arguments(**{spec.name: getattr(once, spec.name) for spec in once.specs()}).prepare() == once


def test_a_negative_prompt_without_guidance_is_warned_of():
    assert any(
        "--negative-prompt" in line for line in prepared("generate", negative_prompt="b", guidance_scale=1.0).warnings()
    )
    assert not any("--negative-prompt" in line for line in prepared("generate", negative_prompt="b").warnings())

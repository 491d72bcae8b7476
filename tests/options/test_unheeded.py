"""Options that nothing would heed are refused, or warned of: none is silently dropped."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DEFAULTS
from synoptic.models.families import Defaults
from synoptic.options import options_class
from synoptic.sampling.inpaint import repaint_schedule
from tests.labels import label

PICTURE = Image.new("RGB", (64, 64), "red")
MASK = {"image": PICTURE, "mask": Image.new("L", (64, 64), "white"), "model": "bundled-if"}
ESTIMATES = {"image": PICTURE, "method": "gaussian"}
UNHEEDED: list[tuple[str, str, dict[str, Any]]] = [
    ("upscaler_steps", "generate", {"model": "bundled", "upscaler_steps": 5}),
    ("guidance_interval", "generate", {"guidance_interval": (0.2, 0.8), "guidance_scale": 1.0}),
    ("noise_level", "anagram", {"noise_level": 3, "model": "bundled"}),
    ("noise_augmentation", "anagram", {"noise_augmentation": False, "upscalers": "none"}),
    ("fast", "hybrid", {"fast": True, "upscalers": "none"}),
    ("fast", "hybrid", {"fast": True, "view_space": "latents", "model": "bundled"}),
    ("equalize_guidance", "anagram", {"equalize_guidance": True, "guidance_scale": 1.0, "upscalers": "none"}),
    ("guidance_interval", "hybrid", {"guidance_interval": (0, 0.8), "guidance_scale": 0.5, "upscalers": "none"}),
    ("view_space", "anagram", {"view_space": "latents", "model": "bundled-if"}),
    ("vae_residual", "hybrid", {"vae_residual": False}),
    ("vae_residual", "anagram", {"vae_residual": False, "view_space": "latents", "model": "bundled"}),
    ("sigma", "hybrid", {"kind": "color", "sigma": 3.0}),
    ("syncdiffusion_every", "wide", {"syncdiffusion_every": 2}),
    ("guidance_interval", "wide", {"guidance_interval": (0.2, 0.8), "guidance_scale": 1.0}),
    ("weights", "wide", {"weights": "uniform", "windows": "collage"}),
    ("photo_fov", "panorama", {"photo_fov": 70.0}),
    ("jump", "inpaint", MASK | {"jump": 5}),
    ("stride", "denoise", {"image": PICTURE, "method": "onestep", "stride": 5}),
    ("sampler", "denoise", ESTIMATES | {"sampler": "ddim"}),
    ("guidance_scale", "denoise", ESTIMATES | {"guidance_scale": 3.0}),
    ("clip", "denoise", ESTIMATES | {"clip": "none"}),
    ("student_lr", "distill", {"student_lr": 1e-2}),
    ("student_steps", "distill", {"student_steps": 2, "loss": "csd"}),
    ("stride", "distill", {"stride": 3}),
    ("student_lr", "text_to_3d", {"student_lr": 1e-4}),
    ("shared_history", "studio", {"shared_history": True}),
    ("workers", "batch", {"status": "outputs", "workers": 2}),
    ("retry_failed", "batch", {"status": "outputs", "retry_failed": True}),
]


def prepared(application: str, **options: Any) -> Any:
    prompts = {"prompt": ["a", "b"]} if application in ("anagram", "hybrid") else {"prompt": "a"}
    prompts = {} if application in ("batch", "studio") else prompts
    return options_class(application).from_arguments(**(prompts | options)).prepare()


@pytest.mark.parametrize(("name", "application", "options"), UNHEEDED, ids=label)
def test_an_option_that_another_one_makes_meaningless_is_refused(name, application, options):
    with pytest.raises(InputError) as e:
        prepared(application, **options)
    assert e.value.rule == "option-unheeded" and name.replace("_", "-") in str(e.value) and "omit it" in str(e.value)


def test_options_that_are_heeded_and_defaults_are_accepted():
    prepared("wide", syncdiffusion_every=1)
    prepared("wide", syncdiffusion_every=2, syncdiffusion_weight=8.0)
    prepared("anagram", view_space="latents", model="bundled")
    prepared("anagram", noise_level=3, model="bundled-if")
    prepared("anagram", fast=True, upscalers="none", model="bundled")
    prepared("wide", guidance_interval=(0.2, 0.8), guidance_scale=1.0, region="0,0,1,1: a lake | | 5")
    prepared("inpaint", **MASK, jump=5, resample=2)
    prepared("distill", loss="vsd", student_lr=1e-2, student_steps=2)
    prepared("text_to_3d", loss="vsd", student_lr=1e-2)
    for application in ("generate", "wide", "anagram", "hybrid", "panorama", "distill", "text_to_3d"):
        same(prepared(application))
    same(prepared("wide", fast=True, guidance_scale=1.0))
    same(prepared("distill", loss="vsd"))


def test_guidance_of_an_upscaler_is_guidance(monkeypatch):
    monkeypatch.setitem(BUNDLED_DEFAULTS, "if-ii", Defaults(5, 4.0, 64))
    prepared("hybrid", equalize_guidance=True, guidance_interval=(0, 0.5), guidance_scale=1.0)


def same(once: Any) -> None:
    """Check that what was resolved resolves to itself: nothing that was filled in counts as asked for."""
    assert once.from_arguments(**{spec.name: getattr(once, spec.name) for spec in once.specs()}).prepare() == once


@pytest.mark.parametrize(("steps", "jump"), [(4, 10), (10, 10), (4, 4)])
def test_repeats_that_reach_beyond_the_steps_are_refused(steps, jump):
    with pytest.raises(InputError, match="lower it") as e:
        prepared("inpaint", **MASK, steps=steps, resample=4, jump=jump)
    assert e.value.rule == "jump-at-most"
    prepared("inpaint", **MASK, steps=steps, resample=4, jump=steps - 1)
    assert repaint_schedule([(k, k) for k in range(steps)], jump, 4) == [(k, k) for k in range(steps)]


def test_a_negative_prompt_without_guidance_is_warned_of():
    assert any(
        "--negative-prompt" in line for line in prepared("generate", negative_prompt="b", guidance_scale=1.0).warnings()
    )
    assert not any("--negative-prompt" in line for line in prepared("generate", negative_prompt="b").warnings())
    noised = {"image": PICTURE, "negative_prompt": "b"}
    assert any("--negative-prompt" in line for line in prepared("denoise", **noised).warnings())
    assert not any("--negative-prompt" in line for line in prepared("denoise", **noised, guidance_scale=3.0).warnings())


@pytest.mark.parametrize("loss", ["sds", "vsd", "csd", "nfsd", "sdi", "ism", "pds", "dds"])
def test_a_negative_prompt_is_warned_of_where_no_loss_asks_for_it(loss):
    """Two steps by two negative prompts make the same picture to rounding, or not: so it was with the bundled model."""
    source = {"source": PICTURE, "source_prompt": "a"} if loss in ("pds", "dds") else {}
    how = {"loss": loss, "negative_prompt": "b", **source}

    def is_warned(**more: Any) -> bool:
        return any("--negative-prompt" in line for line in prepared("distill", **how, **more).warnings())

    assert is_warned(guidance_scale=1.0) == (loss not in ("csd", "nfsd", "ism"))
    assert not is_warned(guidance_scale=3.0) and not is_warned(guidance_scale=1.0, init="sketch")
    if not source:
        assert not is_warned(guidance_scale=1.0, perp_neg=True)


def test_a_loss_of_guidance_alone_needs_guidance():
    for loss, application in (("csd", "distill"), ("csd", "text_to_3d"), ("pds", "distill"), ("dds", "distill")):
        source = {"source": PICTURE, "source_prompt": "a"} if loss in ("pds", "dds") else {}
        with pytest.raises(InputError, match="follows guidance alone") as e:
            prepared(application, loss=loss, guidance_scale=0.0, **source)
        assert e.value.rule == "guidance-loss"
    prepared("distill", loss="sds", guidance_scale=0.0)


@pytest.mark.parametrize(
    ("application", "options"),
    [
        ("generate", {"count": 10**8}),
        ("distill", {"steps": 10**13}),
        ("distill", {"width": 2**24}),
        ("text_to_3d", {"steps": 10**13}),
        ("text_to_3d", {"frames": 10**8}),
        ("text_to_3d", {"batch": 10**8}),
    ],
)
def test_what_no_machine_ends_is_refused_at_once(application, options):
    (name,) = options
    with pytest.raises(InputError) as e:
        prepared(application, **options)
    assert e.value.rule == f"{name}-at-most"

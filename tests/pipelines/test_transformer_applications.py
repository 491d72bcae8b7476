"""Every application on every family of transformers: it makes something, or refuses in one line before weights load."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import synoptic
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from tests.models.test_controlnet_transformer import save_net

if find_spec("trimesh") is None or find_spec("xatlas") is None:
    pytest.skip("the extra [mesh] is not installed", allow_module_level=True)

import trimesh

A, B = "a lion", "an oil painting of a horse in the snow"
FAMILIES = ["sd3", "flux-dev", "flux-schnell", "z-image", "pixart", "qwen-image", "sana", "klein", "klein-distilled"]
NETS = {"sd3": "sd3", "flux-dev": "flux-dev-union", "flux-schnell": "flux-dev-union"}
STEPS = 2
KIN = {"flux-schnell", "klein-distilled"}  # the networks of another family here, distilled: they paint what is of each kind
KINDS = ("generate", "wide", "anagram", "edit", "inpaint", "flow-edit", "invert", "control", "distill-sds", "text-to-3d-sds")


class Place(NamedTuple):
    """What a way is given: the model's native side, a picture and a mask of that size, a mesh, a ControlNet."""

    side: int
    picture: Image.Image
    mask: Path
    mesh: Path
    net: Path | None


class Way(NamedTuple):
    """An application, what it is given beside the model, and its options."""

    application: str
    given: Callable[[Place], tuple[object, ...]]
    options: Callable[[Place], dict[str, Any]] = lambda place: {}


def words(*texts: str) -> Callable[[Place], tuple[object, ...]]:
    return lambda place: texts


def how(**options: Any) -> Callable[[Place], dict[str, Any]]:
    return lambda place: options


def wide(**options: Any) -> Way:
    return Way("wide", words(A), lambda place: {"width": 2 * place.side} | options)


def of_picture(application: str, *more: str, **options: Any) -> Way:
    return Way(application, lambda place: (place.picture, *more), how(**options))


def edited(loss: str) -> Way:
    return Way("distill", words(A), lambda place: {"loss": loss, "source": place.picture, "source_prompt": B})


def controlled(application: str, **options: Any) -> Way:
    def given(place: Place) -> tuple[object, ...]:
        return {"control": (place.picture, A), "texture": (str(place.mesh), A), "wide": (A,)}[application]

    def chosen(place: Place) -> dict[str, Any]:
        net = {"controlnet": str(place.net)} if place.net else {}
        wider = {"width": 2 * place.side, "control": place.picture} if application == "wide" else {}
        return net | wider | options

    return Way(application, given, chosen)


SMALL_SPHERE = {"num_views": 6, "fov": 100.0, "height": 64}
WAYS: dict[str, Way] = {
    "generate": Way("generate", words(A, B)),
    "generate-negative": Way("generate", words(A), how(negative_prompt=B)),
    "generate-apg": Way("generate", words(A), how(guidance_rule="apg")),
    "generate-zero-star": Way("generate", words(A), how(guidance_rule="zero-star")),
    "generate-interval": Way("generate", words(A), how(guidance_interval=(0.2, 0.8))),
    "generate-dpm++": Way("generate", words(A), how(sampler="dpm++")),
    "generate-lcm": Way("generate", words(A), how(sampler="lcm")),
    "wide": wide(),
    "wide-regions": wide(region=(f"0,0,0.5,1: {B}",)),
    "wide-travel": Way("wide", words(A, B), lambda place: {"width": 2 * place.side, "prompt_travel": True}),
    "wide-circular": wide(circular=True),
    "wide-shifted": wide(windows="shifted"),
    "wide-thinning": wide(windows="thinning"),
    "wide-collage": wide(windows="collage"),
    "wide-progressive": Way("wide", words(A), lambda p: {"width": 2 * p.side, "height": 2 * p.side, "progressive": 0.5}),
    "wide-fast": wide(fast=True),
    "wide-syncdiffusion": wide(syncdiffusion_weight=1.0, syncdiffusion_steps=1),
    "wide-deepcache": wide(deepcache=2),
    "anagram": Way("anagram", words(A, B), how(views=("identity", "rotate_180"))),
    "anagram-latents": Way("anagram", words(A, B), how(views=("identity", "flip"), view_space="latents")),
    "anagram-pyramid": Way("anagram", words(A, B), how(views=("identity", "flip"), blend="pyramid", step_repeats=2)),
    "hybrid": Way("hybrid", words(A, B)),
    "hybrid-color": Way("hybrid", words(A, B), how(kind="color")),
    "compare-sync": Way("compare_sync", words(A, B), how(views=("identity", "flip"), view_space="latents")),
    "panorama": Way("panorama", words(A), how(**SMALL_SPHERE)),
    "edit": of_picture("edit", A, strength=0.6),
    "flow-edit": of_picture("flow_edit", A, source_prompt=B),
    "rf-inversion": of_picture("rf_inversion", A),
    "inpaint": Way("inpaint", lambda place: (place.picture, str(place.mask), A)),
    "inpaint-repaint": Way("inpaint", lambda place: (place.picture, str(place.mask), A), how(resample=2, jump=1)),
    "invert": of_picture("invert", A),
    "denoise": of_picture("denoise", A),
    "control": controlled("control", condition="canny"),
    "control-bundled": of_picture("control", A, controlnet="bundled-canny"),
    "wide-control": controlled("wide", condition="canny"),
    "texture": controlled("texture", num_views=2, texture_size=64),
    **{f"distill-{loss}": Way("distill", words(A), how(loss=loss)) for loss in ("sds", "vsd", "csd", "nfsd", "sdi", "ism")},
    **{f"distill-{loss}": edited(loss) for loss in ("pds", "dds")},
    "distill-wide": Way("distill", words(A), lambda place: {"width": 2 * place.side}),
    "distill-pixels": Way("distill", words(A), how(space="pixels")),
    "distill-perp-neg": Way("distill", words(A), how(perp_neg=True, negative_prompt=B)),
    **{
        f"text-to-3d-{loss}": Way("text_to_3d", words(A), how(loss=loss, resolution=16, clip_model="bundled"))
        for loss in ("sds", "vsd", "csd")
    },
    "clip-skip": Way("generate", words(A), how(clip_skip=1)),
    "emphasis": Way("generate", words("a (red:1.3) lion")),
    "long-prompt": Way("generate", words(A), how(long_prompt=True)),
    "upscaler-of-64-pixels": Way("generate", words(A), how(upscalers=("bundled-if-ii",))),
}


UNGUIDED = ("flux-dev", "flux-schnell", "klein-distilled")  # by default
WITHOUT_CONTROL = tuple(name for name in FAMILIES if name not in NETS)
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {  # which families, and by which rule
    "generate-interval": (UNGUIDED, "option-unheeded"),
    "generate-negative": (UNGUIDED, "negative-ignored"),
    "generate-apg": (UNGUIDED, "guidance-rule-off"),
    "generate-zero-star": (UNGUIDED, "guidance-rule-off"),  # of PixArt, no flow, by another rule
    "upscaler-of-64-pixels": (tuple(name for name in FAMILIES if name != "sana"), "upscalers-size"),  # whose side is 64
    "wide-deepcache": (tuple(FAMILIES), "deepcache-unet"),
    "rf-inversion": (("pixart",), "rf-inversion-flow"),
    "control": (WITHOUT_CONTROL, "controlnet-family"),
    "wide-control": (WITHOUT_CONTROL, "controlnet-family"),
    "texture": (WITHOUT_CONTROL, "controlnet-family"),
    "clip-skip": (tuple(FAMILIES), "clip-only"),
    "emphasis": (tuple(FAMILIES), "clip-only"),
    "long-prompt": (tuple(FAMILIES), "clip-only"),
}


@pytest.fixture(scope="module")
def place(flow_folder, tmp_path_factory, blobs) -> Callable[[str], Place]:
    folder = tmp_path_factory.mktemp("given")
    trimesh.creation.box((1.0, 1.4, 0.8)).export(folder / "box.glb")

    def of(name: str) -> Place:
        side = resolve(str(flow_folder(name))).native_size
        hole = np.zeros((side, side), dtype=np.uint8)
        hole[side // 4 : side // 2, side // 4 : side // 2] = 255
        Image.fromarray(hole).save(folder / f"{name}.png")
        net = save_net(NETS[name], folder / name) if name in NETS else None
        return Place(side, blobs[0].convert("RGB").resize((side, side)), folder / f"{name}.png", folder / "box.glb", net)

    return of


def refused_by(way: str, name: str) -> str | None:
    """Return the rule that refuses this on that family."""
    if (way, name) == ("generate-zero-star", "pixart"):
        return "guidance-rule-flow"
    if way == "control-bundled":
        return "controlnet-class" if name in NETS else "controlnet-family"
    names, rule = REFUSED.get(way, ((), None))
    return rule if name in names else None


def came_out(way: Way, model: Any, place: Place, options: dict[str, Any]) -> str:
    """Run it, and say what is wrong with what comes out."""
    application = getattr(synoptic, way.application)
    if way.application == "text_to_3d":  # without the files that it ends with
        steps = list(application.steps(model, *way.given(place), **options))
        norms = [step.grad_norm for step in steps if step.grad_norm is not None]
        follows = len(norms) == STEPS and all((norm > 0).all() and norm.isfinite().all() for norm in norms)
        return "" if follows and all(step.x.isfinite().all() for step in steps) else "the scene does not follow it"
    images = application(model, *way.given(place), **options).images
    flat = [image for image in images if np.asarray(image.convert("RGB"), float).std() < 1]
    return "" if images and not flat else f"{len(flat)} of {len(images)} pictures are of one color"


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_application_makes_something_or_refuses_at_the_door(name, flow_folder, flow_model, place):
    wrong, given, model = {}, place(name), flow_model(name)
    for label, way in WAYS.items():
        options = way.options(given) if way.application == "denoise" else {"steps": STEPS} | way.options(given)
        kind = getattr(synoptic, way.application).options_class
        on = {"model": str(flow_folder(name)), "device": "cpu", "dtype": "float32"}
        rule, expected = None, refused_by(label, name)
        try:
            kind.from_arguments(*way.given(given), **on, **options).prepare()
        except InputError as e:
            rule = e.rule
            wrong |= {} if len(str(e).splitlines()) == 1 and ":" in str(e) else {f"{label} (words)": str(e)}
        if rule != expected:
            wrong[label] = f"refused by {rule}, not {expected}"
        elif rule is None and (name not in KIN or label in KINDS):
            problem = came_out(way, model, given, options)
            wrong |= {label: problem} if problem else {}
    assert wrong == {}

"""FlowEdit as an application: nothing moves where nothing is asked, and less moves than by SDEdit where something is."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

import synoptic
from synoptic.errors import InputError
from synoptic.io import from_pil
from synoptic.metrics.clip import Clip, clip_score
from synoptic.metrics.fidelity import psnr

A, B = "a photo of a red car", "a photo of a blue car"


def last(steps: Any) -> torch.Tensor:
    *_, step = steps
    return step.canvas


@pytest.mark.parametrize(
    ("name", "scales"),
    [
        pytest.param("sd3", {"source_guidance_scale": 4.0, "guidance_scale": 4.0}, marks=pytest.mark.slow),
        ("flux-dev", {"source_guidance_scale": 2.0, "guidance_scale": 2.0, "true_cfg_scale": 2.0}),
    ],
)
def test_an_edit_to_the_same_prompt_leaves_the_picture_and_to_another_does_not(name, scales, flow_model, blobs):
    model, picture = flow_model(name), blobs[0].resize((192, 128))
    encoded, how = model.encode(from_pil(picture)), {"source_prompt": A, "steps": 4, **scales}
    same = last(synoptic.flow_edit.steps(model, picture, A, **how))
    torch.testing.assert_close(same, encoded, rtol=0, atol=1e-4)
    assert (last(synoptic.flow_edit.steps(model, picture, B, **how)) - encoded).abs().max() > 0.01
    stronger = how | {"guidance_scale": 1.5 * how["guidance_scale"]}
    assert (last(synoptic.flow_edit.steps(model, picture, A, **stronger)) - encoded).abs().max() > 1e-3


@pytest.mark.slow
def test_a_red_car_becomes_blue_and_stays_the_car(pixel32):
    picture = synoptic.generate(pixel32, A, seed=0, steps=20, upscalers="none").images[0]
    how: dict[str, Any] = {"steps": 25}
    ours = synoptic.flow_edit(pixel32, picture, B, source_prompt=A, guidance_scale=7.0, **how).images[0]
    other = synoptic.edit(pixel32, picture, B, **how).images[0]
    clip = Clip("bundled")
    assert clip_score(clip, ours, B) > clip_score(clip, picture, B) + 0.1
    assert abs(clip_score(clip, ours, B) - clip_score(clip, other, B)) < 0.1
    gray, moved, redone = (image.convert("L").convert("RGB") for image in (picture, ours, other))
    assert psnr(moved, gray) > psnr(redone, gray) + 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "source-prompt-missing"),
    ({"source_prompt": A, "sampler": "dpm++"}, "flow-edit-sampler"),
    ({"source_prompt": A, "eta": 0.5}, "flow-edit-sampler"),
    ({"source_prompt": A, "strength": 1.5}, "strength-at-most"),
]


@pytest.mark.parametrize(("how", "rule"), REFUSED, ids=[rule for _, rule in REFUSED[:1]] + ["sampler", "eta", "strength"])
def test_what_cannot_be_is_refused(how, rule, sd32, blobs):
    with pytest.raises(InputError) as e:
        synoptic.flow_edit(sd32, blobs[0], B, **how)
    assert e.value.rule == rule


@pytest.mark.parametrize(("model", "edit", "flow_edit"), [("bundled", 0.6, 0.7), ("bundled-if", 0.9, 0.9)])
def test_an_edit_takes_as_many_steps_as_the_model_needs(model, edit, flow_edit, blobs):
    """With fewer a red car stays red in pixels."""
    more: dict[str, dict[str, Any]] = {"edit": {}, "flow_edit": {"source_prompt": A}}
    kinds = {name: partial(getattr(synoptic, name).options_class.from_arguments, blobs[0], B, **more[name]) for name in more}
    assert {name: made(model=model).prepare().strength for name, made in kinds.items()} == {
        "edit": edit,
        "flow_edit": flow_edit,
    }
    assert [made(model=model, strength=0.3).prepare().strength for made in kinds.values()] == [0.3, 0.3]
    assert kinds["edit"](model=model, start=(3,)).prepare().strength is None


def test_the_authors_numbers_are_the_defaults(flow_model, blobs):
    kind = synoptic.flow_edit.options_class
    found = {}
    for name in ("sd3", "flux-dev", "flux-schnell"):
        o = kind.from_arguments(blobs[0], B, source_prompt=A, model=str(flow_model(name).checkpoint.path_or_repo)).prepare()
        found[name] = (o.source_guidance_scale, o.guidance_scale, round(o.strength, 2), o.cfg_scale)
    assert found == {
        "sd3": (3.5, 13.5, 0.66, 13.5),
        "flux-dev": (1.5, 5.5, 0.86, 1.0),
        "flux-schnell": (1.0, 1.0, 0.86, 1.0),
    }

"""The options of text_to_3d: what the model fills in, and what makes no sense together."""

from __future__ import annotations

from typing import Any

import pytest

from synoptic.distillation.loss_defaults import BUNDLED_SCENE, PIXEL_SCENE, scene_defaults
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.text_to_3d import TextTo3DOptions
from tests.labels import label

MUG = "a red mug"


def prepared(*prompts: str, **named: Any) -> TextTo3DOptions:
    return TextTo3DOptions.from_arguments(*(prompts or (MUG,)), **named).prepare()


def test_defaults_are_the_models_own():
    o, usual = prepared(), scene_defaults(resolve("bundled-if"))
    assert o.model == "bundled-if" and usual is BUNDLED_SCENE and PIXEL_SCENE.steps == 10_000
    assert (o.guidance_scale, o.steps, o.view_guidance) == (20, usual.steps, usual.view_guidance)
    assert (o.anneal, o.view_prompt_mix, o.perp_neg, o.clip_model) == ("sqrt", "nearest", False, "bundled")
    assert usual.template.format(MUG, "side") == "a 3d render of a red mug, side view on a white background"
    assert prepared(loss="vsd").dtype == "float32" and prepared(loss="vsd", dtype="bfloat16").dtype == "bfloat16"
    assert prepared(perp_neg=True).perp_neg and o.prepare() == o


def test_each_prompt_is_an_item():
    o = prepared(MUG, "a blue car", MUG, seed=3, seeds=2)
    assert [item.stem for item in o.items()] == ["a_red_mug_3", "a_blue_car_3"]


BAD: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    (("",), {}, "prompt-empty"),
    ((), {"steps": 0}, "steps-at-least"),
    ((), {"loss": "pds"}, "loss-type"),
    ((), {"resolution": 8}, "resolution-at-least"),
    ((), {"resolution": 1024}, "resolution-at-most"),
    ((), {"t_min": 900, "t_max": 800}, "t-min-at-most"),
    ((), {"t_max": 1000}, "t-max-at-most"),
    ((), {"guidance_scale": -1}, "guidance_scale-at-least"),
    ((), {"view_guidance": -1}, "view_guidance-at-least"),
    ((), {"seeds": 0}, "seeds-at-least"),
    ((), {"seeds": 2, "steps": 4}, "seeds-steps"),
    ((), {"preview_every": 0}, "preview_every-at-least"),
    ((), {"batch": 0}, "batch-at-least"),
    ((), {"frames": 0}, "frames-at-least"),
    ((), {"encoding": "grid"}, "encoding-type"),
    ((), {"clip_model": "nix"}, "model-unknown"),
    ((), {"compile": True, "loss": "vsd"}, "compile-loss"),
    ((), {"model": "bundled-if-ii"}, "model-upscales"),
]


def test_a_mesh_is_painted_anew_by_the_bundled_models_alone(tiny_sd):
    assert "--retexture" in prepared(retexture=True).command()
    with pytest.raises(InputError) as e:
        prepared(model=str(tiny_sd), retexture=True)
    assert e.value.rule == "retexture-model" and "\n" not in str(e.value)


@pytest.mark.parametrize(("prompts", "how", "rule"), BAD, ids=label)
def test_what_makes_no_sense_is_said_in_one_line(prompts, how, rule):
    with pytest.raises(InputError) as e:
        prepared(*prompts, **how)
    assert e.value.rule == rule and "\n" not in str(e.value)

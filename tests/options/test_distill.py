"""The options of distill: each loss's own numbers, what is filled in, and what makes no sense together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args, get_type_hints

import pytest
from PIL import Image

from synoptic.distillation.loss_defaults import BUNDLED, FLOW, LATENT, losses_that_take
from synoptic.distillation.loss_table import LOSSES
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.distill import DistillOptions
from synoptic.options.text_to_3d import TextTo3DOptions
from tests.labels import label

CAR = Image.new("RGB", (200, 100), "red")
EDIT: dict[str, Any] = {"source": CAR, "source_prompt": "a red car"}


def prepared(*prompts: str, **named: Any) -> DistillOptions:
    return DistillOptions.from_arguments(*(prompts or ("a dog",)), **named).prepare()


def test_every_table_has_every_loss():
    names = set(LOSSES)
    assert set(LATENT) == set(FLOW) == set(BUNDLED["sd"]) == set(BUNDLED["if"]) == names
    choices = [
        get_args(get_args(get_type_hints(o, include_extras=True)["loss"])[0]) for o in (DistillOptions, TextTo3DOptions)
    ]
    assert set(choices[0]) == names | {"auto"} and set(choices[1]) < names
    assert (losses_that_take("student"), losses_that_take("source")) == (["vsd"], ["pds", "dds"])


def test_the_papers_numbers_hold_for_latent_models(tmp_path, monkeypatch):
    other = tmp_path / "sd"
    other.symlink_to(resolve("bundled").path_or_repo)  # the same files, elsewhere: no longer the bundled model
    monkeypatch.setattr("synoptic.models.checkpoint.BUNDLED_DIR", tmp_path / "nowhere")
    for loss, guidance_scale in {"sds": 25, "vsd": 7.5, "nfsd": 7.5}.items():
        o = prepared(model=str(other), loss=loss)
        assert (o.guidance_scale, o.lr, o.warm_up, o.t_min, o.t_max) == (guidance_scale, 0.1, 100, 20, 980)
        assert (o.horizon, o.init) == (1.5, "noise")
        assert (o.student_lr, o.student_steps) == ((1e-4, 1) if loss == "vsd" else (None, None))


def test_defaults_follow_the_model_and_what_is_given():
    o = prepared()
    assert (o.loss, o.space, o.width, o.height, o.weight, o.dtype) == ("sds", "latent", 256, 256, "one", "auto")
    assert (o.guidance_scale, prepared(guidance_scale=3).guidance_scale) == (7.5, 3)
    assert prepared(space="pixels").lr == 0.03 and prepared(model="bundled-if").lr == 0.05
    vsd = prepared(loss="vsd")
    assert (vsd.anneal, vsd.weight, vsd.dtype) == ("narrow", "variance", "float32")
    assert prepared(space="pixels").dtype == "float32" and prepared(model="bundled-if").space == "pixels"
    edit = prepared(**EDIT)
    assert (edit.loss, edit.size, edit.width, edit.init, edit.weight) == ("pds", 256, None, "auto", "auto")


@pytest.mark.parametrize(
    "how", [{}, {"loss": "vsd"}, {"space": "pixels"}, EDIT, EDIT | {"loss": "dds", "size": 280}], ids=label
)
def test_what_is_resolved_stays(how):
    found = prepared(**how)
    assert found.prepare() == found and replace(found) == found


BAD: list[tuple[dict[str, Any], str]] = [
    ({"loss": "pds"}, "loss-source"),
    (EDIT | {"loss": "vsd"}, "loss-source"),
    ({"source": CAR}, "source-prompt-missing"),
    ({"source_prompt": "x"}, "source-options"),
    ({"size": 512}, "source-options"),
    (EDIT | {"size": 200}, "size-at-least"),
    (EDIT | {"width": 512}, "source-canvas"),
    (EDIT | {"weight": "variance"}, "weight-loss"),
    (EDIT | {"source": "/no/file.png"}, "picture-missing"),
    (EDIT | {"perp_neg": True}, "perp-neg-negative"),
    ({"loss": "sdi", "weight": "one"}, "weight-loss"),
    ({"loss": "sd"}, "loss-type"),
    ({"perp_neg": True}, "perp-neg-negative"),
    ({"init": "nowhere.png"}, "picture-missing"),
    ({"width": 200}, "width-at-least"),
    ({"height": 260}, "height-multiple"),
    ({"model": "bundled-if", "space": "latent"}, "space-latent"),
    ({"steps": 0}, "steps-at-least"),
    ({"t_min": 700, "t_max": 300}, "t-min-at-most"),
    ({"t_max": 1000}, "t-max-at-most"),
    ({"steps": 4, "warm_up": 6}, "warm-up-at-most"),
    ({"steps": 4, "horizon": 1, "warm_up": 4}, "warm-up-at-most"),
    ({"stride": 0}, "stride-at-least"),
    ({"horizon": 0.5}, "horizon-at-least"),
    ({"horizon": float("inf")}, "horizon-type"),
    ({"loss": "vsd", "student_steps": 0}, "student_steps-at-least"),
    ({"save_every": -1}, "save_every-at-least"),
]


@pytest.mark.parametrize(("how", "rule"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_makes_no_sense_is_said_in_one_line(how, rule):
    with pytest.raises(InputError) as e:
        prepared(**how)
    assert e.value.rule == rule and "\n" not in str(e.value)

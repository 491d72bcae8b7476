"""ControlNets that were made for another model, or are none, are refused."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.controlnet_checks import check_condition
from synoptic.models.registry import resolve, resolve_controlnet

diffusers: Any = importlib.import_module("diffusers")  # its lazy names and annotations are not for type checkers


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nosuch", "bundled-canny, bundled-scribble, bundled-depth, bundled-normal"),
        (str(BUNDLED_DIR / "clip"), "must be a ControlNetModel"),
    ],
)
def test_what_is_no_controlnet_is_refused(name, words):
    with pytest.raises(InputError, match=words):
        resolve_controlnet(name, resolve("bundled"))


def test_a_controlnet_of_another_model_is_refused(tmp_path):
    diffusers.ControlNetModel(
        block_out_channels=(8, 16), down_block_types=("DownBlock2D",) * 2, norm_num_groups=8, cross_attention_dim=256,
        mid_block_type="UNetMidBlock2D", layers_per_block=1,
    ).save_pretrained(tmp_path)  # fmt: skip
    with pytest.raises(InputError, match=r"block_out_channels of .* is \[8, 16\], of bundled \[96, 160, 224\]"):
        resolve_controlnet(str(tmp_path), resolve("bundled"))


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("bundled-depth", "canny"),
        ("bundled-canny", "scribble"),
        ("lllyasviel/control_v11f1p_sd15_depth", "canny"),
        ("InstantX/FLUX.1-dev-Controlnet-Canny", "depth"),
        ("nets/control_v11p_sd15_normalbae.safetensors", "depth"),
        ("xinsir/controlnet-union-sdxl-1.0:tile", "canny"),
    ],
)
def test_a_controlnet_that_is_named_for_other_maps_is_refused(name, condition):
    with pytest.raises(InputError, match=f"choose a --controlnet for {condition}, or --condition") as e:
        check_condition(name, condition)
    assert e.value.rule == "controlnet-condition"


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("bundled-depth", "depth"),
        ("bundled-depth", "map"),  # a map of one's own
        ("trained/controlnet", "canny"),
        ("depth/checkpoint-500", "canny"),
        ("someone/canny-and-depth", "depth"),
        ("lllyasviel/control_v11p_sd15_lineart", "canny"),
        ("xinsir/controlnet-union-sdxl-1.0:canny", "canny"),
        ("xinsir/controlnet-union-sdxl-1.0:openpose", "map"),
    ],
)
def test_a_controlnet_whose_name_says_the_condition_or_nothing_of_it_is_accepted(name, condition):
    check_condition(name, condition)

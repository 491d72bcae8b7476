"""Several maps by one ControlNet union: it is loaded once, counted once, and asked about every map."""

import shutil
from pathlib import Path
from typing import Any

import diffusers as library
import pytest
import torch
from PIL import Image

import synoptic
from synoptic.options.control import ControlOptions
from synoptic.pipelines import control_guidance
from synoptic.runs.plan import UnloadedModel
from tests.models.single_files import tiny_pipeline

diffusers: Any = library


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unions")
    pipe = tiny_pipeline("sdxl")
    pipe.save_pretrained(folder / "model", safe_serialization=True)
    torch.manual_seed(5)
    small = {"num_control_type": 8, "num_trans_channel": 8, "num_proj_channel": 8}
    small |= {"conditioning_embedding_out_channels": (8,) * 4}
    net = diffusers.ControlNetUnionModel.from_config(dict(pipe.unet.config) | small)
    for layer in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
        torch.nn.init.normal_(layer.weight, std=0.1)
    torch.nn.init.normal_(net.task_embedding)
    net.save_pretrained(folder / "union")
    shutil.copytree(folder / "union", folder / "copy")
    Image.effect_noise((128, 128), 60).convert("RGB").save(folder / "map.png")
    return folder


def asked(folder: Path, second: str) -> dict[str, Any]:
    return {"condition": ("map", "scribble"), "controlnet": (f"{folder / 'union'}:tile", str(folder / second))}


@pytest.mark.slow
def test_a_union_for_two_maps_is_loaded_once(folder, monkeypatch):
    names = []
    load = control_guidance.load_controlnet
    monkeypatch.setattr(control_guidance, "load_controlnet", lambda name, **how: names.append(name) or load(name, **how))
    how = {"steps": 2, "seed": 0, "device": "cpu", "dtype": "float32"}
    once, twice = (
        list(synoptic.control.steps(str(folder / "model"), str(folder / "map.png"), "a cat", **how, **asked(folder, second)))
        for second in ("union", "copy")
    )
    assert [name.rpartition("/")[2] for name in names] == ["union:tile", "union:tile", "copy"]
    assert torch.equal(once[-1].canvas, twice[-1].canvas)


@pytest.mark.parametrize(("second", "count"), [("union", 1), ("copy", 2)])
def test_a_plan_counts_it_once(folder, second, count):
    options = ControlOptions(
        image=str(folder / "map.png"), prompt=("a cat",), model=str(folder / "model"), **asked(folder, second)
    )
    found = UnloadedModel(options).weights
    assert sum(part.startswith("ControlNet") for part in found) == count

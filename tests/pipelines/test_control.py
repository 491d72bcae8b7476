"""The recipes that draw maps and follow them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from bundled_training import networks
from synoptic.commands.control_map import condition
from synoptic.io import from_pil, load_image, to_pil
from synoptic.models.registry import BUNDLED_DIR
from synoptic.pipelines.control import control

diffusers: Any = importlib.import_module("diffusers")
FAST: dict[str, Any] = {"steps": 2, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def nets(tmp_path_factory) -> list[str]:
    """Two random nets of the bundled shape."""
    folders = []
    for seed in range(2):
        torch.manual_seed(seed)
        net = networks.control()
        for conv in [*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out]:
            torch.nn.init.normal_(conv.weight, std=0.02)
        folders.append(str(tmp_path_factory.mktemp("net")))
        net.save_pretrained(folders[-1])
    return folders


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    """A disc, 128 pixels."""
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    inside = ((x - 64).square() + (y - 64).square()).sqrt() < 40
    path = tmp_path_factory.mktemp("given") / "disc.png"
    to_pil(torch.where(inside, 0.8, -0.5).expand(1, 3, -1, -1))[0].save(path)
    return path


def test_several_conditions_are_followed_and_their_maps_kept(picture, nets, tmp_path):
    how: dict[str, Any] = {"condition": ["canny", "scribble"], "controlnet": nets, **FAST}
    images, run = control(str(picture), "a photo of a ball", strength=[1.0, 0.5], out=str(tmp_path / "a"), **how)
    assert run.settings["strength"] == [1.0, 0.5] and "--condition canny scribble" in run.command
    for kind in ("canny", "scribble"):
        drawn = load_image(run.folder / f"{kind}.png")
        assert drawn.tobytes() == load_image(condition(str(picture), kind=kind, out=str(tmp_path / "map.png"))).tobytes()
        assert 0.01 < (from_pil(drawn) > 0).float().mean() < 0.2
    alone = control(str(picture), "a photo of a ball", strength=[0.0], out=str(tmp_path / "b"), **how).images
    assert images[0].tobytes() != alone[0].tobytes()


def test_strength_zero_is_plain_generation(picture, nets, tmp_path):
    from synoptic.pipelines.generate import generate

    how: dict[str, Any] = {"seed": 3, **FAST}
    off = control(str(picture), "a photo of a ball", controlnet=nets[:1], strength=[0.0], out=str(tmp_path / "a"), **how)
    plain = generate("a photo of a ball", out=str(tmp_path / "b"), **how)
    assert off.images[0].tobytes() == plain.images[0].tobytes()


def test_larger_pictures_are_painted_in_windows(picture, nets, tmp_path):
    images, run = control(
        str(picture), "a photo of a ball", controlnet=nets[:1], size=190, count=2, out=str(tmp_path), **FAST
    )
    assert [image.size for image in images] == [(190, 190)] * 2
    assert load_image(run.folder / "canny.png").size == (190, 190)


def test_depth_from_a_file_and_normals_of_it(picture, nets, tmp_path):
    ramp = tmp_path / "ramp.png"
    to_pil(torch.linspace(-1, 1, 128).expand(1, 3, 128, 128))[0].save(ramp)
    _, run = control(str(picture), "a ball", condition=["depth"], controlnet=nets[:1], depth=str(ramp),
                     out=str(tmp_path / "run"), **FAST)  # fmt: skip
    assert load_image(run.folder / "depth.png").tobytes() == load_image(ramp).tobytes()
    normals = from_pil(load_image(condition(str(picture), kind="normal", depth=str(ramp), out=str(tmp_path / "n.png"))))
    assert normals[0, 0, 64, 100] > 0 and normals[0, 2, 64, 100] > 0.9 and abs(normals[0, 1, 64, 100]) < 0.01


def test_bad_input_is_answered_before_torch(ask, picture, nets, tmp_path):
    disc, net = str(picture), nets[0]
    questions = {
        ("--condition", "sketch"): "'sketch'",
        ("--condition", "depth"): "needs --depth",
        ("--depth", disc): "--depth is for the conditions depth and normal",
        ("--condition", "segment"): "there is no bundled-segment for bundled",
        ("--condition", "canny", "scribble", "--controlnet", net): "2 and 1 were given",
        ("--controlnet", net, "--strength", "1", "0.5"): "2 were given",
        ("--controlnet", net, "--strength", "-1"): "--strength must be at least 0",
        ("--controlnet", net, "--begin", "0.6", "--end", "0.5"): "0.6 and 0.5 were given",
        ("--controlnet", str(BUNDLED_DIR / "clip")): "must be a ControlNetModel",
        ("--controlnet", net, "--model", "bundled-if"): "bundled-if paints pixels",
    }
    answers = ask([["control", disc, "a ball", *words, "--out", str(tmp_path)] for words in questions])
    for (code, said, torched), expected in zip(answers, questions.values(), strict=True):
        assert code == 2 and expected in said and said.count("\n") == 1 and not torched
    ((code, said, _),) = ask([["condition", disc, "--out", "map.jpg"]])
    assert code == 2 and "must end in .png" in said


def test_a_depth_map_of_another_shape_is_refused(picture, tmp_path):
    wide = tmp_path / "wide.png"
    to_pil(torch.zeros(1, 3, 64, 200))[0].save(wide)
    with pytest.raises(ValueError, match="must have its picture's shape"):
        condition(str(picture), kind="depth", depth=str(wide), out=str(tmp_path / "map.png"))


def test_without_scikit_image_the_extra_is_named(picture, monkeypatch):
    monkeypatch.setattr("synoptic.options.control.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"synoptic-diffusion\[control\]"):
        condition(str(picture))


def test_an_edit_can_keep_the_edges(picture, nets, tmp_path):
    from synoptic.pipelines.edit import edit

    plain = edit(str(picture), "an orange", strength=0.6, out=str(tmp_path / "a"), **FAST)
    kept = edit(
        str(picture), "an orange", strength=0.6, condition=["canny"], controlnet=nets[:1], out=str(tmp_path / "b"), **FAST
    )
    assert isinstance(kept, tuple) and isinstance(plain, tuple)
    assert (kept.run.folder / "canny.png").exists()
    assert kept.images[0].tobytes() != plain.images[0].tobytes()

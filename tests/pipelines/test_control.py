"""Pictures that follow another one's edges, strokes and depths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image

import synoptic
from bundled_training import networks
from synoptic.io import from_pil, to_pil
from tests.drawings import disc, ramp
from tests.quick import slow_ones
from tests.references import assert_like_reference

BALL = "a photo of a ball"


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


def dome(x: float, y: float, radius: float) -> Image.Image:
    """The depth of a ball of this radius around (x, y), in shares of the side."""
    down, right = torch.meshgrid(*(torch.linspace(0, 1, 256),) * 2, indexing="ij")
    height = (radius**2 - (right - x) ** 2 - (down - y) ** 2).clamp(min=0).sqrt() / radius
    return to_pil(height.expand(1, 3, -1, -1) * 2 - 1)[0]


OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "interval": {"begin": 0.2, "end": 0.6, "strength": 0.5},
    "several": {"condition": ("canny", "scribble"), "strength": (1.0, 0.5)},
    "dpm++": {"sampler": "dpm++", "negative_prompt": "a dog"},
    "large": {"size": 380},
    "normal": {"condition": "normal", "depth": dome(0.3, 0.5, 0.28)},
}


@pytest.mark.parametrize("name", slow_ones(OPTIONS, ["interval", "several", "dpm++", "large"]))
def test_every_option_gives_the_picture_it_gave(name, sd32):
    (image,) = synoptic.control(sd32, disc(), BALL, steps=3, **OPTIONS[name]).images
    assert image.size == (OPTIONS[name].get("size", 256),) * 2
    assert_like_reference(f"control-{name}", image)


@pytest.mark.slow
def test_the_maps_are_kept(nets, tmp_path):
    how: dict[str, Any] = {"condition": ("canny", "scribble"), "controlnet": nets, "steps": 1, "size": 264}
    run = synoptic.run("control", disc(), BALL, out=str(tmp_path), **how)
    assert run.options.to_json()["strength"] == [1.0, 1.0] and "--condition=canny,scribble" in run.options.command()
    for name in ("canny.png", "scribble.png"):
        kept = from_pil(synoptic.io.load_image(tmp_path / name))
        assert kept.shape[-2:] == (264, 264) and 0.005 < (kept > 0).float().mean() < 0.2


@pytest.mark.slow
def test_the_map_is_that_of_control_map(sd32, tmp_path):
    (output,) = synoptic.control(sd32, disc(), BALL, steps=1).outputs
    drawn = synoptic.control_map(disc(), out=str(tmp_path / "map.png"))
    assert output.files["canny.png"].tobytes() == synoptic.io.load_image(drawn).tobytes()


def test_strength_zero_is_plain_generation(sd32, nets):
    off = synoptic.control(sd32, disc(), BALL, steps=1, seed=3, controlnet=nets[:1], strength=0.0)
    plain = synoptic.generate(sd32, BALL, steps=1, seed=3)
    assert off.images[0].tobytes() == plain.images[0].tobytes()


@pytest.mark.slow
def test_depth_is_estimated_where_none_is_given(sd32, tmp_path):
    (output,) = synoptic.control(sd32, disc(), BALL, condition="depth", steps=1).outputs
    drawn = synoptic.control_map(disc(), kind="depth", out=str(tmp_path / "map.png"))
    assert output.files["depth.png"].tobytes() == synoptic.io.load_image(drawn).tobytes()
    edited = synoptic.edit(sd32, disc(), BALL, condition="depth", steps=1)
    assert edited.outputs[0].files["depth.png"].tobytes() == output.files["depth.png"].tobytes()


def test_depth_comes_from_a_picture(sd32):
    (output,) = synoptic.control(sd32, disc(), "a ball", condition="depth", depth=ramp(), steps=2).outputs
    assert output.files["depth.png"].tobytes() == ramp().tobytes()
    assert_like_reference("control-depth", output.image)


@pytest.mark.slow
def test_things_are_where_normals_say(sd32):
    """By the bundled net a ball is inside the outline that its normals draw, on whichever side that is."""
    for x in (0.3, 0.7):
        how: dict[str, Any] = {"condition": "normal", "depth": dome(x, 0.5, 0.28), "steps": 6, "seed": 2}
        (output,) = synoptic.control(sd32, disc(), "a photo of a red ball", **how).outputs
        colored = from_pil(output.image).std(1)[0]  # grounds are white or gray
        near = colored.sum(0) @ torch.linspace(0, 1, 256) / colored.sum()
        assert abs(near - x) < 0.08 and output.files["normal.png"].size == (256, 256)

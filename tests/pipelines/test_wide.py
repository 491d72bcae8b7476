"""The methods of `wide` by their options: alone, together, and refused where they make no sense."""

from __future__ import annotations

import json

import pytest
import torch

import synoptic
from synoptic import io
from synoptic.errors import InputError
from synoptic.models.registry import resolve
from synoptic.options.regions import read_region
from synoptic.pipelines.wide import measure
from synoptic.pipelines.wide_canvas import Canvas

PROMPTS = ["a photo of snowy mountains", "a photo of the ocean"]
QUICK = {"width": 160, "steps": 2, "dtype": "float32"}
HALF = "0.5,0,1,1: a photo of a lake"
ONE = [
    {"windows": "shifted"},
    {"windows": "thinning"},
    {"windows": "collage"},
    {"windows": "collage", "loop": True, "width": 192},
    {"coherence": 5.0, "coherence_steps": 1, "anchor": 0.0},
    {"coherence": 5.0, "coherence_every": 2, "windows": "shifted"},
    {"region": [HALF, "0,0,40,64: a photo of a horse | a photo of a dog | 3"]},
    {"region": [HALF], "space": "instance", "sync": "xt"},
    {"travel": True, "windows": "collage"},
    {"height": 160, "layout": 0.5},
]
EVERYTHING = {"windows": "shifted", "loop": True, "coherence": 5.0, "coherence_steps": 1, "region": [HALF], "travel": True}
EVERYTHING |= {"layout": 0.7, "height": 160, "sampler": "dpm++", "negative": "a photo of a dog"}


@pytest.mark.parametrize("options", [*ONE, EVERYTHING], ids=str)
def test_every_method_and_all_that_compose_paint_pictures(options, tmp_path):
    prompts = PROMPTS if options.get("travel") else PROMPTS[:1]
    result = synoptic.wide(prompts, out=str(tmp_path), **(QUICK | options))
    settings = QUICK | {"height": 128} | options
    (image,) = result.images
    assert image.size == (settings["width"], settings["height"]) and len(set(image.tobytes())) > 50
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["state"] == "done" and -1 <= manifest["scores"]["clip_score"] <= 1
    assert not result.run.pictures[0].prompt.count("|") - options.get("travel", False)


def canvas(size: tuple[int, int], **how) -> Canvas:
    settings = {"sync": "x0", "space": "canonical", "weights": "feather", "loop": False, "windows": "dense", "stride": 16}
    settings |= {"coherence": 0.0, "travel": False, "prompt": PROMPTS[:1], "guidance": 5.0, "negative": "", "clip": "auto"}
    return Canvas(resolve("bundled"), settings | {"sampler": "ddim", "eta": 0.0, "steps": 2} | how, size)


def end(model, size: tuple[int, int], z: torch.Tensor, **how) -> torch.Tensor:
    *_, last = canvas(size, **how).paint(model, PROMPTS[:1], [torch.Generator().manual_seed(0)], z)
    return last.x


def start(size: tuple[int, int]) -> torch.Tensor:
    return torch.randn((1, 4, *size), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("windows", ["dense", "collage"])
def test_a_loop_rolls_with_its_noise(sd32, windows):
    z = start((32, 64))
    a, b = (end(sd32, (32, 64), u, loop=True, windows=windows) for u in (z, z.roll(16, -1)))
    torch.testing.assert_close(b, a.roll(16, -1), rtol=0, atol=1e-4)


def test_a_loop_is_decoded_so_that_its_rolled_picture_is_the_picture_rolled(sd32):
    z = 0.5 * start((32, 64))
    with torch.no_grad():
        a, b = (canvas((32, 64), loop=True).decode(sd32, u) for u in (z, z.roll(1, -1)))
    far = (b - a.roll(4, -1)).abs()
    assert far.mean() < 0.01  # the decoder's norms and attention see the whole picture, so it is not exact
    plain = (sd32.decode(z.roll(1, -1)) - sd32.decode(z).roll(4, -1)).abs()
    assert far[..., :8].mean() < 0.2 * plain[..., :8].mean()


def test_layout_follows_the_small_picture(sd32):
    from torch.nn.functional import interpolate

    big = canvas((48, 72))
    assert big.small().size == (32, 48)
    z = start((32, 48))
    with torch.no_grad():
        noised = big.enlarged(sd32, z, [torch.Generator().manual_seed(0)], 1)
        a, sigma = sd32.schedule(sd32.schedule.steps(2)[1][0])
        clean = (noised - sigma * torch.randn((1, 4, 48, 72), generator=torch.Generator().manual_seed(0))) / a
        seen = interpolate(sd32.decode(clean), (128, 192), mode="area")
        assert (seen - sd32.decode(z)).abs().mean() < 0.5 * (seen - sd32.decode(z.flip(-1))).abs().mean()


def test_regions_are_read_in_pixels_shares_and_masks(tmp_path):
    a = read_region("10, 20,110,60.5: a photo of a lake", 200, 100, "no", 5.0)
    assert a.box == (0.05, 0.2, 0.55, 0.605) and (a.prompt, a.negative, a.guidance) == ("a photo of a lake", "no", 5.0)
    b = read_region("0,0,0.5,1: a horse: brown | a dog | 7.5", 200, 100, "", 5.0)
    assert b.box == (0, 0, 0.5, 1) and (b.prompt, b.negative, b.guidance) == ("a horse: brown", "a dog", 7.5)
    assert b.covers(4, 8).sum() == 16 and b.covers(4, 8)[:, :4].min() == 1
    half = torch.ones(3, 10, 20)
    half[..., 10:] = -1
    io.save_image(tmp_path / "mask.png", io.to_pil(half[None])[0], {})
    c = read_region(f"{tmp_path}/mask.png: a lake", 200, 100, "", 5.0)
    torch.testing.assert_close(c.covers(4, 8), b.covers(4, 8))


BAD = [
    (["--cache", "0"], "--cache must be at least 1"),
    (["--cache", "9", "--steps", "5"], "--cache, of so many --steps, must be at most 5"),
    (["--cache", "2", "--windows", "shifted"], "--cache keeps what was at a window's place, --windows shifted move"),
    (["--cache", "2", "--coherence", "5"], "--cache runs parts of a network, --coherence needs it whole"),
    (["--cache", "2", "--compile"], "--cache runs parts of a network, --compile needs it whole"),
    (["--condition", "canny"], "--condition is followed from a picture, none was given: name it with --control"),
    (["--control", "none.png"], "a picture's file is needed, none.png is none"),
    (["--control", "none.png", "--layout", "0.5"], "--layout paints the picture small first, --control has said"),
    (["--control", "none.png", "--model", "bundled-if"], "ControlNets guide latent models"),
    (
        ["--windows", "shifted", "--stride", "8"],
        "--windows shifted are tiles side by side, --stride 8 was given: leave it away",
    ),
    (["--windows", "other"], "'other' is not one of"),
    (["--windows", "collage", "--sync", "xt"], "--windows collage have their state on the canvas and agree on x0"),
    (["--windows", "collage", "--stride", "6"], "--windows collage has overlaps of multiples of 16 pixels"),
    (["--coherence", "-1"], "--coherence must be at least 0"),
    (["--coherence", "1", "--space", "instance"], "--coherence moves a canvas that its windows average"),
    (["--coherence", "1", "--coherence-by", "lpips"], "--coherence-by lpips needs the package lpips"),
    (["--anchor", "2"], "--anchor must be at most 1"),
    (["--travel"], "--travel goes from one prompt to another, one was given: name two or more"),
    (["--layout", "0.5"], "--layout enlarges a canvas whose short side is above the model's own, 128; it is 128"),
    (["--layout", "2"], "--layout must be above 0 and at most 1, 2.0 was given"),
    (["--region", "a lake"], 'a region is "x0,y0,x1,y1: prompt" or "mask.png: prompt", \'a lake\' is none'),
    (["--region", "0,0,5,5: "], 'a region is "x0,y0,x1,y1: prompt"'),
    (["--region", "none.png: a lake"], "a region's mask is a picture's file, 'none.png' is none"),
    (["--region", "90,0,50,50: a lake"], "a region's box goes from left to right and top to bottom inside 768x128"),
    (["--region", "0,0,1,1: a lake | a dog | much"], "a region's guidance is a number, 'much' is none"),
]


def test_the_command_line_refuses_what_makes_no_sense_in_one_line_and_without_torch(ask, tmp_path):
    answers = ask([["wide", "a photo of a lake", "--out", str(tmp_path / "x"), *argv] for argv, _ in BAD])
    for (argv, message), (code, said, torch_came) in zip(BAD, answers, strict=True):
        assert code == 2 and message in said and said.count("\n") == 1, (argv, said)
        assert not torch_came


@pytest.mark.parametrize("windows", ["dense", "shifted", "thinning", "collage"])
def test_settled_settings_settle_to_themselves(windows):
    settings = {"windows": windows, "width": None, "height": None, "stride": None, "loop": False}
    settings |= {"sync": "x0", "space": "auto", "weights": "feather"}
    measure(resolve("bundled"), settings)
    again = dict(settings)
    measure(resolve("bundled"), again)
    assert again == settings and settings["stride"] == {"shifted": 32, "collage": 16}.get(windows, 8)


def test_regions_and_collage_do_not_mix():
    with pytest.raises(InputError, match="--region lays windows over windows"):
        synoptic.wide(PROMPTS[0], windows="collage", region=[HALF])

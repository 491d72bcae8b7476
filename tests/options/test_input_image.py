"""What begins with a picture: its size, and the rules of edit, inpaint, invert, denoise and control."""

from __future__ import annotations

import multiprocessing
import os
import struct
import tempfile
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.registry import resolve
from synoptic.options import options_class
from synoptic.options.control import ControlOptions
from synoptic.options.control_map import ControlMapOptions
from synoptic.options.edit import EditOptions
from synoptic.options.input_image import working_size
from synoptic.utils.picture import read_picture
from tests.drawings import disc, drawing, ramp, white_box
from tests.models.directories import copied

GOOD, MASK = drawing(256, 256), white_box((256, 256), (64, 64, 192, 192))
NET = str(BUNDLED_DIR / "control-canny")


@pytest.mark.parametrize(
    ("model", "sides", "size", "expected"),
    [
        ("bundled", (256, 256), None, (256, 256)),
        ("bundled", (40, 60), None, (256, 384)),
        ("bundled", (600, 400), None, (600, 400)),
        ("bundled", (600, 400), 260, (390, 260)),
        ("bundled-if", (40, 60), None, (64, 96)),
    ],
)
def test_the_size_that_a_picture_is_worked_on(model, sides, size, expected):
    assert working_size(resolve(model), sides, size) == expected


def test_a_small_picture_is_enlarged_and_it_is_said():
    options = EditOptions(image=drawing(40, 60), model="bundled-if").prepare()
    assert options.size == 64 and "40x60" in options.warnings()[0]
    assert not EditOptions(image=GOOD).prepare().warnings()


def test_a_picture_is_recorded_by_its_hash(tmp_path):
    GOOD.save(tmp_path / "a.png")
    before = EditOptions(image=str(tmp_path / "a.png")).prepare()
    recorded = before.to_json()
    assert recorded["image"] == str(tmp_path / "a.png")
    GOOD.rotate(90).save(tmp_path / "a.png")
    assert before.to_json()["image_sha256"] != recorded["image_sha256"]
    in_memory = EditOptions(image=GOOD).prepare()
    assert in_memory.to_json()["image"] is None and in_memory.to_json()["image_sha256"]
    assert in_memory.command().split()[-1] == "IMAGE"


def test_several_starts_are_variants():
    options = EditOptions.from_arguments(GOOD, start=(0, 4, 0)).prepare()
    assert {name: one.start for name, one in options.variants().items()} == {"start-0": (0,), "start-4": (4,)}
    assert not EditOptions.from_arguments(GOOD, start=(3,)).prepare().variants()


def test_controls_are_filled_in():
    options = ControlOptions.from_arguments(
        disc(), "a ball", "a plum", condition=("canny", "scribble"), strength=0.5
    ).prepare()
    assert options.controlnet == ("bundled-canny", "bundled-scribble") and options.strength == (0.5, 0.5)
    assert [item.stem for item in options.items()] == ["a_ball_1", "a_plum_1"]
    depth = ControlOptions.from_arguments(disc(), "a ball", condition="depth", depth=ramp()).prepare().controlnets()
    assert depth.names == ("bundled-depth",) and depth.depth == ramp()
    plain = EditOptions(image=GOOD).prepare()
    assert not plain.controlnets().conditions and "--controlnet" not in plain.command()


REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("edit", (GOOD,), {"start": (1,), "strength": 0.5}, "start-strength"),
    ("edit", (GOOD,), {"start": (3, 25)}, "start-at-most"),
    ("edit", (GOOD,), {"start": (-1,)}, "start-at-least"),
    ("edit", (GOOD,), {"strength": 0.0}, "strength-above"),
    ("edit", (GOOD,), {"size": 200}, "size-at-least"),
    ("edit", (Image.new("RGB", (5000, 4000)),), {}, "size-megapixels"),
    ("edit", (Image.new("RGB", (3000, 2)),), {}, "size-megapixels"),
    ("edit", (3,), {}, "image-type"),
    ("edit", (GOOD,), {"controlnet": (NET,)}, "controlnet-count"),
    ("inpaint", (GOOD, MASK, "x"), {"resample": 0}, "resample-at-least"),
    ("inpaint", (GOOD, MASK, "x"), {"jump": 0}, "jump-at-least"),
    ("inpaint", (GOOD, MASK), {}, "missing-option"),
    ("inpaint", (GOOD, Image.new("L", (60, 60), 255), "x"), {}, "mask-size"),
    ("inpaint", (GOOD, Image.new("L", (256, 256)), "x"), {}, "mask-black"),
    ("invert", (GOOD,), {"refine": -1}, "refine-at-least"),
    ("invert", (GOOD,), {"steps": 1000}, "steps-at-most"),
    ("denoise", (GOOD,), {"t": (250, 1000)}, "t-at-most"),
    ("denoise", (GOOD,), {"t": ()}, "t-missing"),
    ("denoise", (GOOD,), {"method": "blur"}, "method-type"),
    ("denoise", (GOOD,), {"stride": 0}, "stride-at-least"),
    ("control", (GOOD, "x"), {"condition": "sketch"}, "condition-type"),
    ("control", (GOOD, "x"), {"condition": ()}, "condition-missing"),
    ("control", (GOOD, "x"), {"depth": GOOD}, "depth-unused"),
    ("control", (GOOD, "x"), {"condition": "depth", "depth": drawing(200, 64)}, "depth-shape"),
    ("control", (GOOD, "x"), {"condition": "segment"}, "controlnet-missing"),
    ("control", (GOOD, "x"), {"condition": ("canny", "scribble"), "controlnet": NET}, "controlnet-count"),
    ("control", (GOOD, "x"), {"controlnet": "bundled-depth"}, "controlnet-condition"),
    ("control", (GOOD, "x"), {"strength": (1.0, 0.5)}, "strength-count"),
    ("control", (GOOD, "x"), {"strength": -1.0}, "strength-at-least"),
    ("control", (GOOD, "x"), {"begin": 0.6, "end": 0.5}, "begin-end"),
    ("control", (GOOD, "x"), {"controlnet": NET, "model": "bundled-if"}, "controlnet-latents"),
    ("control_map", (GOOD,), {"out": "map.jpg"}, "out-suffix"),
    ("embed", ("x",), {"out": "x.txt"}, "out-suffix"),
    ("control_map", (GOOD,), {"kind": "depth", "depth": drawing(200, 64)}, "depth-shape"),
]


@pytest.mark.parametrize(("name", "values", "named", "rule"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_makes_no_sense_is_refused_with_its_code(name, values, named, rule):
    with pytest.raises(InputError) as e:
        options_class(name).from_arguments(*values, **named).prepare()
    assert e.value.rule == rule


@pytest.mark.parametrize("name", ["control", "edit"])
def test_depth_is_estimated_for_the_bundled_models_and_must_be_named_for_others(name, tmp_path):
    values = {"image": GOOD, "prompt": "x", "condition": "depth"}
    build: Any = options_class(name).from_arguments
    options = build(**values).prepare()
    assert options.controlnet == ("bundled-depth",) and getattr(options, "depth", "bundled") == "bundled"
    other = {"model": str(copied(tmp_path / "sd")), "controlnet": (str(BUNDLED_DIR / "control-depth"),)}
    with pytest.raises(InputError) as e:
        build(**values, **other).prepare()
    assert e.value.rule == "depth-missing"
    if name == "control":
        assert build(**values, **other, depth="bundled").prepare().depth == "bundled"


def test_a_map_of_depth_is_drawn_by_the_bundled_model_where_none_is_named():
    assert ControlMapOptions.from_arguments(GOOD, kind="normal").prepare().depth == "bundled"


@pytest.mark.parametrize(
    ("name", "values", "named", "rule"),
    [
        ("control_map", ("picture.png",), {"out": "./picture.png"}, "out-is-input"),
        ("control_map", ("picture.png",), {"out": "link.png"}, "out-is-input"),
        ("control_map", ("picture.png",), {"depth": "depth.png", "kind": "depth", "out": "depth.png"}, "out-is-input"),
        ("control_map", ("picture.png",), {"out": "folder.png"}, "out-folder"),
        ("video", ("picture.png", "film.gif"), {"out": "film.gif"}, "out-is-input"),
    ],
)
def test_no_file_that_is_read_is_written_over(name, values, named, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("picture.png", "depth.png", "film.gif"):
        GOOD.save(file)
    (tmp_path / "link.png").symlink_to("picture.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError) as e:
        options_class(name).from_arguments(*values, **named).prepare()
    assert e.value.rule == rule


def refused_path(folder: str) -> None:
    if os.geteuid() == 0:  # who may open everything
        os.setuid(65534)
    with pytest.raises(InputError) as e:
        options_class("score").from_arguments(folder).prepare()
    assert e.value.rule == "path" and "Permission denied" in str(e.value)


def test_a_folder_that_may_not_be_opened_is_not_said_to_be_empty():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0)
        process = multiprocessing.get_context("fork").Process(target=refused_path, args=(folder,))
        process.start()
        process.join()
        os.chmod(folder, 0o700)
    assert process.exitcode == 0


def test_a_picture_too_narrow_for_a_depth_model_is_refused():
    strip, wider = Image.new("RGB", (3, 100)), Image.new("RGB", (4, 100))
    with pytest.raises(InputError) as e:
        options_class("control_map").from_arguments(strip, kind="normal").prepare()
    assert e.value.rule == "map-narrow"
    options_class("control_map").from_arguments(wider, kind="normal").prepare()
    options_class("control_map").from_arguments(strip, kind="depth", depth=strip).prepare()


def test_a_network_of_another_kind_is_refused():
    with pytest.raises(InputError):
        ControlOptions(image=GOOD, prompt=("x",), controlnet=(str(BUNDLED_DIR / "clip"),)).prepare()


def test_without_scikit_image_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("synoptic.errors.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"synoptic-diffusion\[control\]") as e:
        options_class("control_map").from_arguments(GOOD).prepare()
    assert e.value.rule == "missing-package"


def swapped_profile() -> bytes:
    """Return an sRGB profile, called otherwise, whose red and green primaries stand in one another's place."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return data.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize(("profile", "expected"), [(swapped_profile(), 1), (b"none", 0), (None, 0)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "transparent palette"])
def test_a_color_profile_says_which_red_is_meant(profile, expected, mode, tmp_path):
    red, named = Image.new("RGB", (4, 4), (255, 0, 0)), {"icc_profile": profile}
    if mode == "transparent palette":
        red, named = red.quantize(2), {**named, "transparency": bytes([255, 0])}
    (red.convert(mode) if mode in Image.MODES else red).save(tmp_path / "a.png", **named)
    channels = [band.getextrema() for band in read_picture(str(tmp_path / "a.png")).split()]
    assert channels == [(255, 255) if k == expected else (0, 0) for k in range(3)]


def gray_profile(gamma: float) -> bytes:
    """Return the least profile of grays: a curve and its white."""
    parts = {
        b"desc": b"desc\0\0\0\0\0\0\0\x05gray\0" + bytes(79),
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv\0\0\0\0\0\0\0\x01" + struct.pack(">H", round(gamma * 256)) + bytes(2),
    }
    table, body, start = struct.pack(">I", len(parts)), b"", 132 + 12 * len(parts)
    for name, content in parts.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI12s", start + len(body), 0x02400000, b"mntrGRAYXYZ ") + bytes(12)
    head += b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize(("gamma", "seen"), [(1.0, 188), (2.2, 128)])
def test_a_profile_of_grays_says_how_light_they_are(mode, gamma, seen, tmp_path):
    Image.new("L", (4, 4), 128).convert(mode).save(tmp_path / "a.png", icc_profile=gray_profile(gamma))
    assert (np.abs(np.asarray(read_picture(str(tmp_path / "a.png")), int) - seen) <= 2).all()

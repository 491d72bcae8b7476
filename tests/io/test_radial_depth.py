"""Depth files that panoramas follow: what is read of them, and what is refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from synoptic.errors import InputError
from synoptic.io.radial_depth import read_radial_depth
from synoptic.options.panorama import PanoramaOptions

RAMP = np.linspace(1, 9, 8 * 16, dtype=np.float32).reshape(8, 16)


def test_a_png_of_16_bits_keeps_them_and_an_array_is_as_it_is(tmp_path):
    fine = (RAMP * 7000).astype(np.uint16)
    Image.fromarray(fine).save(tmp_path / "fine.png")
    assert np.array_equal(read_radial_depth(str(tmp_path / "fine.png")), fine)
    np.save(tmp_path / "ramp.npy", RAMP.astype(np.float64))
    assert np.array_equal(read_radial_depth(str(tmp_path / "ramp.npy")), RAMP)
    coarse = (RAMP * 28).astype(np.uint8)
    for mode in ("L", "RGB"):
        Image.fromarray(coarse).convert(mode).save(tmp_path / "coarse.png")
        assert np.array_equal(read_radial_depth(str(tmp_path / "coarse.png")), coarse)
    assert np.array_equal(read_radial_depth(Image.fromarray(RAMP)), RAMP)


def test_a_png_keeps_small_numbers_and_what_is_transparent_is_not_there(tmp_path):
    meters = RAMP.astype(np.uint16)
    Image.fromarray(meters).save(tmp_path / "meters.png")
    assert np.array_equal(read_radial_depth(str(tmp_path / "meters.png")), meters)
    gray = Image.fromarray((RAMP * 28).astype(np.uint8))
    sky = Image.fromarray(np.where(RAMP < 3, 0, 255).astype(np.uint8))
    Image.merge("LA", [gray, sky]).save(tmp_path / "sky.png")
    assert np.array_equal(read_radial_depth(str(tmp_path / "sky.png")), np.where(RAMP < 3, 0, np.asarray(gray)))


def with_value(value: float) -> Image.Image:
    changed = RAMP.copy()
    changed[2, 3] = value
    return Image.fromarray(changed)


BAD = {
    "shape": (Image.fromarray(RAMP[:, :12]), "depth-shape"),
    "nan": (with_value(np.nan), "depth-values"),
    "negative": (with_value(-1), "depth-values"),
    "flat": (Image.fromarray(np.full((8, 16), 3.0, np.float32)), "depth-flat"),
    "nothing": (Image.fromarray(np.zeros((8, 16), np.uint8)), "depth-flat"),
    "colors": (Image.merge("RGB", [Image.fromarray((RAMP * k).astype(np.uint8)) for k in (1, 2, 3)]), "depth-colors"),
    "missing": ("none.png", "picture-missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_depth_is_refused_in_one_line(name):
    source, rule = BAD[name]
    with pytest.raises(InputError) as refused:
        PanoramaOptions.from_arguments("a lake", depth=source).prepare()
    assert refused.value.rule == rule and "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [np.zeros((8, 16, 3)), np.zeros((8, 16), dtype=complex), np.arange(16.0)])
def test_arrays_that_are_no_depth_are_refused(data, tmp_path):
    np.save(tmp_path / "d.npy", data)
    with pytest.raises(InputError) as refused:
        read_radial_depth(str(tmp_path / "d.npy"))
    assert refused.value.rule == "depth-shape"


def test_files_that_are_no_array_are_refused_by_what_they_are(tmp_path):
    np.savez(tmp_path / "d.npz", depth=RAMP)
    for name, content in {"archive": (tmp_path / "d.npz").read_bytes(), "text": b"no array", "empty": b""}.items():
        (tmp_path / f"{name}.npy").write_bytes(content)
    np.savetxt(tmp_path / "d.csv", RAMP)
    says = {"d.npz": "is neither", "d.csv": "is neither", "archive.npy": ".npz, of depth", "text.npy": "", "empty.npy": ""}
    for name, words in says.items():
        with pytest.raises(InputError, match=f"--depth is an array in a .npy file.*{name}.*{words}") as refused:
            read_radial_depth(str(tmp_path / name))
        assert refused.value.rule == "depth-unreadable"


def test_a_picture_of_any_numbers_holds_distances(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "d.tiff")
    assert np.array_equal(read_radial_depth(str(tmp_path / "d.tiff")), RAMP)
    Image.fromarray(RAMP).save(tmp_path / "two.tiff", save_all=True, append_images=[Image.fromarray(RAMP)])
    with pytest.raises(InputError, match="must stand still"):
        read_radial_depth(str(tmp_path / "two.tiff"))


def test_the_manifest_holds_the_hash_and_the_bundled_controlnet_is_the_default(tmp_path):
    np.save(tmp_path / "d.npy", RAMP)
    found = PanoramaOptions.from_arguments("a lake", depth=str(tmp_path / "d.npy")).prepare()
    digest = hashlib.sha256((tmp_path / "d.npy").read_bytes()).hexdigest()
    assert found.to_json()["depth_sha256"] == digest
    assert (found.controlnet, found.control_strength) == (("bundled-depth",), 1)
    assert found.prepare() == found


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        ({"controlnet": ("bundled-depth",)}, "depth-missing"),
        ({"control_strength": 0.5}, "depth-missing"),
        ({"depth": Image.fromarray(RAMP), "model": "bundled-if"}, "controlnet-latents"),
        ({"depth": Image.fromarray(RAMP), "controlnet": ("bundled-depth", "bundled-canny")}, "controlnet-count"),
    ],
)
def test_what_does_not_go_together_is_refused(named, rule):
    with pytest.raises(InputError) as refused:
        PanoramaOptions.from_arguments("a lake", **named).prepare()
    assert refused.value.rule == rule

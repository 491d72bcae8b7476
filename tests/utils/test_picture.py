"""Pictures that people bring: every kind of file is seen as it is meant, and what is no picture is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from synoptic.errors import InputError
from synoptic.options.edit import EditOptions
from synoptic.utils.picture import convert_picture, picture_hash, read_mask, read_picture
from tests.drawings import drawing


def test_files_of_every_kind_are_seen_as_they_are_meant(tmp_path):
    """The same drawing in every mode; each must come back as the picture that a viewer shows."""
    rgb = drawing(70, 90)
    gray = rgb.convert("L")

    def seen(name: str, image: Image.Image, **options: Any) -> np.ndarray:
        image.save(tmp_path / name, **options)
        return np.asarray(read_picture(str(tmp_path / name)), float)

    exact, tone = np.asarray(rgb, float), np.asarray(gray.convert("RGB"), float)
    assert (seen("rgb.png", rgb) == exact).all() and (seen("gray.png", gray) == tone).all()
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    assert (seen("deep.png", deep) == tone).all(), "16 bits are scaled, not cut off"
    between = np.arange(70 * 90, dtype=np.uint16).reshape(90, 70) * 10
    assert (seen("between.png", Image.fromarray(between))[..., 0] == between // 257).all()
    assert np.abs(seen("cmyk.jpg", rgb.convert("CMYK"), quality=100) - exact).mean() < 6
    clear = rgb.copy()
    clear.putalpha(Image.new("L", rgb.size))
    assert (seen("clear.png", clear) == 255).all(), "transparency is white, whatever color hides in it"
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.asarray(rgb.rotate(-90, expand=True), float)
    assert np.abs(seen("turned.jpg", rgb, exif=exif, quality=100) - turned).mean() < 6
    assert seen("palette.gif", rgb.quantize(64)).shape == exact.shape
    assert (seen("see-through.png", clear.convert("LA")) == 255).all()
    assert (seen("in-16-bits.png", rgb) == exact).all()
    (tmp_path / "deep-rgb.png").write_bytes(png_of_16_bits(np.asarray(rgb)))
    assert (np.asarray(read_picture(str(tmp_path / "deep-rgb.png"))) == exact).all(), "which PIL cannot write"


@pytest.mark.parametrize("number", [2**16, -1])
def test_whole_numbers_beyond_16_bits_have_no_known_range(number, tmp_path):
    Image.new("I", (8, 8), number).save(tmp_path / "a.tiff")
    with pytest.raises(InputError) as e:
        read_picture(str(tmp_path / "a.tiff"))
    assert e.value.rule == "picture-range"


def png_of_16_bits(rgb: np.ndarray) -> bytes:
    height, width, _ = rgb.shape
    rows = (rgb.astype(">u2") * 257).view(np.uint8).reshape(height, -1)
    data = np.concatenate([np.zeros((height, 1), np.uint8), rows], 1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_a_picture_in_memory_is_that_of_its_file(tmp_path):
    image = drawing(70, 90)
    image.save(tmp_path / "a.png")
    for value in (image, np.asarray(image), tmp_path / "a.png"):
        assert read_picture(convert_picture(value)).tobytes() == image.tobytes()
    assert picture_hash(image) == picture_hash(drawing(70, 90)) != picture_hash(drawing(90, 70))
    assert picture_hash("none.png") is None and picture_hash(str(tmp_path / "a.png"))
    without_numbers = torch.zeros(3, 4, 4, device="meta"), torch.zeros(3, 4, 4).to_sparse()
    for value in (3, np.zeros((4, 4, 3)), None, *without_numbers):
        with pytest.raises(TypeError):
            convert_picture(value)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    top = tmp_path_factory.mktemp("files")
    drawing(128, 128).save(top / "good.png")
    (top / "text.png").write_text("not a picture")
    whole = (top / "good.png").read_bytes()
    (top / "half.png").write_bytes(whole[: len(whole) // 2])
    drawing(64, 64).save(top / "moving.gif", save_all=True, append_images=[drawing(64, 64).rotate(90)])
    Image.new("1", (10000, 10000)).save(top / "huge.png")
    Image.fromarray(np.zeros((8, 8), np.float32)).save(top / "any.tiff")
    return top


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("none.png", "picture-missing"),
        ("text.png", "picture-unreadable"),
        ("half.png", "picture-unreadable"),
        ("moving.gif", "picture-frames"),
        ("huge.png", "picture-megapixels"),
        ("any.tiff", "picture-range"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_code(files, name, rule):
    with pytest.raises(InputError) as e:
        read_picture(str(files / name))
    assert e.value.rule == rule
    with pytest.raises(InputError) as e:
        EditOptions(image=str(files / name)).prepare()
    assert e.value.rule == rule


def test_pictures_are_checked_without_torch(files):
    code = f"""
import sys
from synoptic.options.control import ControlOptions
from synoptic.options.inpaint import InpaintOptions
ControlOptions(image={str(files / "good.png")!r}, prompt=("a ball",)).prepare()
InpaintOptions(image={str(files / "good.png")!r}, mask={str(files / "good.png")!r}, prompt="a").prepare()
assert not {{"torch", "numpy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("color", [0, 100, 255])
@pytest.mark.parametrize("alpha", [1, 128, 255])
def test_what_is_half_transparent_in_a_mask_counts_by_its_own_white(color, alpha, tmp_path):
    layer = Image.merge("LA", [Image.new("L", (2, 1), color), Image.new("L", (2, 1), alpha)])
    layer.putpixel((1, 0), (255, 255))
    layer.save(tmp_path / "mask.png")
    assert abs(np.asarray(read_mask(str(tmp_path / "mask.png")))[0, 0] - color * alpha / 255) <= 1


def test_what_is_transparent_in_a_mask_does_not_count(tmp_path):
    layer = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    layer.paste((255, 255, 255, 255), (2, 2, 6, 6))
    layer.save(tmp_path / "mask.png")
    mask = np.asarray(read_mask(str(tmp_path / "mask.png")))
    assert mask[4, 4] == 255 and mask[0, 0] == 0 and (mask == 255).sum() == 16
    with pytest.raises(InputError) as e:
        read_mask(Image.new("L", (4, 4)))
    assert e.value.rule == "mask-black"


def test_only_picture_formats_are_opened(tmp_path):
    (tmp_path / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n")
    with pytest.raises(InputError) as e:
        read_picture(str(tmp_path / "script.png"))
    assert e.value.rule == "picture-unreadable"

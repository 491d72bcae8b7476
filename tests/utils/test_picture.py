"""Pictures that people bring: every kind of file is seen as it is meant, and what is no picture is refused."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
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


def png(bits: int, gray: np.ndarray, clear: int) -> bytes:
    """Return a gray PNG of whole numbers (H, W) of so many bits, one of which is transparent; PIL cannot write such."""
    height, width = gray.shape
    digits = [[f"{value:0{bits}b}" for value in row] for row in gray.tolist()]
    rows = [b"\0" + int("".join(row), 2).to_bytes(width * bits // 8, "big") for row in digits]
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = chunk(b"tRNS", struct.pack(">H", clear)) + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + parts + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_gray_that_is_transparent_is_so_at_every_depth(bits, tmp_path):
    most = 2**bits - 1
    gray = np.array([[0, most] * 8, [most, 0] * 8, [most // 3, most] * 8])
    (tmp_path / "a.png").write_bytes(png(bits, gray, most // 3))
    found, mask = (np.asarray(read(str(tmp_path / "a.png"))) for read in (read_picture, read_mask))
    clear = gray == most // 3
    assert (found[clear] == 255).all() and (found[~clear][:, 0] == gray[~clear] * 255 // most).all()
    assert (mask == np.where(clear, 0, gray * 255 // most)).all()


def tiff(bits: int, white_is_zero: bool, data: bytes, side: int) -> bytes:
    """Return a gray TIFF of whole numbers, as cameras of microscopes write it; PIL cannot."""
    tags = {256: side, 257: side, 258: bits, 259: 1, 262: 1 - white_is_zero, 273: 0, 277: 1, 278: side, 279: len(data)}
    tags[273] = 14 + 12 * len(tags)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_a_tiff_says_how_many_bits_it_has_and_which_value_is_white(white_is_zero, tmp_path):
    gray = np.arange(256).reshape(16, 16)
    deep = (65535 - gray * 257 if white_is_zero else gray * 257).astype("<u2")
    (tmp_path / "a.tif").write_bytes(tiff(16, white_is_zero, deep.tobytes(), 16))
    assert (np.asarray(read_picture(str(tmp_path / "a.tif")))[..., 0] == gray).all()
    if not white_is_zero:  # of which PIL knows none of 12 bits
        values = "".join(f"{value * 4095 // 255:012b}" for value in gray.flatten().tolist())
        (tmp_path / "b.tif").write_bytes(tiff(12, False, int(values, 2).to_bytes(384, "big"), 16))
        assert np.abs(np.asarray(read_picture(str(tmp_path / "b.tif")), int)[..., 0] - gray).max() <= 1


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_16_bits_of_which_8_are_used_are_not_taken_for_black(kind):
    values = np.arange(64, dtype=kind).reshape(8, 8) * 4
    for read in (read_picture, read_mask):
        with pytest.raises(InputError) as e:
            read(convert_picture(values))
        assert e.value.rule == "picture-range" and "252" in str(e.value)
    assert (np.asarray(read_picture(convert_picture(values.astype(np.uint8))))[..., 0] == values).all(), "the cure"


def test_a_mask_in_memory_is_turned_with_its_transparency(tmp_path):
    layer = Image.new("LA", (8, 4), (255, 0))
    layer.paste((255, 255), (0, 0, 2, 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    layer.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        turned = read_mask(opened)
    assert turned.size == (4, 8) and turned.getbbox() == (2, 0, 4, 2)
    assert turned.tobytes() == read_mask(str(tmp_path / "a.png")).tobytes()
    assert read_mask(layer.convert("La")).getbbox() == (0, 0, 2, 2), "whose colors are multiplied by its alpha"


def test_the_hash_of_a_picture_in_memory_is_of_all_that_shows():
    one, other = Image.new("P", (4, 4)), Image.new("P", (4, 4))
    one.putpalette([255, 0, 0])
    other.putpalette([0, 0, 255])
    clear, turned = other.copy(), other.copy()
    clear.info["transparency"] = 0
    turned.getexif()[0x0112] = 6
    assert len({picture_hash(image) for image in (one, other, clear, turned)}) == 4
    assert picture_hash(one) == picture_hash(one.copy())


def test_a_tensor_from_0_to_1_is_warned_of():
    x = torch.linspace(0, 1, 48).view(3, 4, 4)
    with pytest.warns(UserWarning, match=r"2 \* x - 1"):
        convert_picture(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for whole in (2 * x - 1, torch.ones(3, 4, 4)):  # the cure, and a mask that is all white
            convert_picture(whole)


def test_a_picture_in_memory_is_that_of_its_file(tmp_path):
    image = drawing(70, 90)
    image.save(tmp_path / "a.png")
    for value in (image, np.asarray(image), tmp_path / "a.png"):
        assert read_picture(convert_picture(value)).tobytes() == image.tobytes()
    assert picture_hash(image) == picture_hash(drawing(70, 90)) != picture_hash(drawing(90, 70))
    assert picture_hash("none.png") is None and picture_hash(str(tmp_path / "a.png"))
    without_numbers = torch.zeros(3, 4, 4, device="meta"), torch.zeros(3, 4, 4).to_sparse()
    on_disk = next(os.scandir(os.fsencode(tmp_path)))
    for value in (3, np.uint8(3), np.zeros((4, 4, 3)), None, on_disk, *without_numbers):
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


@pytest.mark.parametrize("name", ["\udcff.png", "a\0.png"])
def test_a_name_that_no_manifest_could_hold_is_refused_at_once(name):
    with pytest.raises(InputError, match="rename the file") as e:
        EditOptions(image=name)
    assert e.value.rule == "image-type"


def test_what_is_not_read_says_what_is_and_an_address_is_to_be_downloaded(tmp_path):
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    for source, cure in (
        (str(tmp_path / "drawing.svg"), "save the picture as PNG"),
        ("https://a.b/c.png", "download it first"),
    ):
        with pytest.raises(InputError, match=cure):
            read_picture(source)


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

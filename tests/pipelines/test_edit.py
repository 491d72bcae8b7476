"""The recipes for one picture: edit, inpaint, invert, denoise; and the pictures that people bring."""

from __future__ import annotations

import json
import shlex
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from safetensors.torch import load_file

import synoptic
from synoptic import cli, io
from synoptic.errors import InputError
from synoptic.pipelines.edit import edit
from synoptic.runs.manifest import Result

QUICK: dict[str, Any] = {"steps": 3, "dtype": "float32"}
PIXELS: dict[str, Any] = {"model": "bundled-if", **QUICK}
HORSE = "a photo of a horse"


def drawing(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x % 256, y % 256, (x * y // 7) % 256], -1).astype(np.uint8))


@pytest.fixture
def picture(tmp_path) -> str:
    drawing(128, 128).save(tmp_path / "drawing.png")
    return str(tmp_path / "drawing.png")


def white(tmp_path: Path, size: tuple[int, int], hole: tuple[int, int, int, int], grey: int = 255) -> str:
    mask = Image.new("L", size)
    mask.paste(grey, hole)
    mask.save(tmp_path / "mask.png")
    return str(tmp_path / "mask.png")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"start": [1]},
        {"strength": 0.3},
        {"sampler": "dpm++", "guidance": 1.0, "clip": "none"},
        {"sampler": "ddpm", "negative": "a dog", "clip": "static"},
        {"eta": 0.5, "clip": "dynamic", "size": 130},
        {"count": 2, "seed": 3},
        {"model": "bundled-if", "size": 64},
    ],
    ids=str,
)
def test_edit_with_every_kind_of_option(options, picture, tmp_path):
    result = edit(picture, HORSE, out=str(tmp_path / "run"), **QUICK | options)
    side = options.get("size", 128)
    assert [image.size for image in result.images] == [(side, side)] * options.get("count", 1)
    assert all(len(set(image.tobytes())) > 50 for image in result.images)
    manifest = json.loads((tmp_path / "run/run.json").read_text())
    assert manifest["state"] == "done" and shlex.split(manifest["command"])[:4] == ["synoptic", "edit", picture, HORSE]


def test_several_starts_make_one_figure_and_the_later_keep_more(picture, tmp_path, monkeypatch, capsys):
    argv = ["synoptic", "edit", picture, "--start", "0", "4", "--steps", "5", "--dtype", "float32"]
    monkeypatch.setattr(sys, "argv", [*argv, "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0
    head, *rows, file = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert head == ["start", "seed", "PSNR", "score"] and [row[0] for row in rows] == ["0", "4"]
    assert float(rows[1][2]) > float(rows[0][2]) + 3
    assert io.load_image(Path(file[0])).width == 3 * (256 + 8) + 8
    inside = io.read_settings(tmp_path / "run/start-4/a_high_quality_photo_1.png")
    assert inside["settings"]["start"] == [4] and inside["prompt"] == "a high quality photo"


def test_a_stopped_edit_goes_on_and_another_picture_is_refused(picture, tmp_path):
    how: dict[str, Any] = {"out": str(tmp_path / "run"), "strength": 0.5, **QUICK}
    first = edit(picture, HORSE, **how)
    again = edit(picture, HORSE, **how)
    assert isinstance(again, Result)
    assert "sample" not in again.run.timings and again.images[0].tobytes() == first.images[0].tobytes()
    drawing(128, 128).rotate(90).save(picture)
    with pytest.raises(InputError, match="holds work on another"):
        edit(picture, HORSE, **how)


def test_pictures_of_any_size_are_edited_in_windows(tmp_path):
    """134 x 203 is larger than the model and no multiple of a latent; at the last step little is changed, to the edges."""
    drawing(203, 134).filter(ImageFilter.GaussianBlur(3)).save(tmp_path / "wide.png")
    result = edit(str(tmp_path / "wide.png"), start=[24], out=str(tmp_path / "run"), steps=25, dtype="float32")
    assert result.images[0].size == (203, 134)
    off = np.abs(np.asarray(result.images[0], float) - np.asarray(io.load_image(tmp_path / "wide.png"), float))
    assert off.mean() < 20 and off[:, -3:].mean() < 30 and off[-3:].mean() < 30


def test_a_small_picture_is_enlarged_and_it_is_said(tmp_path, capsys):
    drawing(40, 60).save(tmp_path / "small.png")
    result = edit(str(tmp_path / "small.png"), out=str(tmp_path / "run"), **PIXELS)
    assert result.images[0].size == (64, 96) and "resized from 40x60 to 64x96" in capsys.readouterr().err


@pytest.mark.parametrize("options", [QUICK, PIXELS, {"resample": 2, "jump": 1, "sampler": "ddpm", **PIXELS}], ids=str)
def test_what_is_known_comes_back_to_the_bit(options, tmp_path):
    """Also where the canvas is larger than the model and no multiple of a latent."""
    source = drawing(80, 64) if options.get("model") else drawing(147, 130)
    source.save(tmp_path / "source.png")
    mask = white(tmp_path, source.size, (30, 20, 60, 50))
    result = synoptic.inpaint(str(tmp_path / "source.png"), mask, HORSE, out=str(tmp_path / "run"), **options)
    same = np.asarray(result.images[0]) == np.asarray(source)
    outside = np.asarray(io.load_image(Path(mask)))[..., 0] == 0
    assert same[outside].all() and not same[~outside].all(-1).mean() > 0.1
    assert (tmp_path / "run/figure.png").exists()
    again = synoptic.inpaint(str(tmp_path / "source.png"), mask, HORSE, out=str(tmp_path / "run"), **options)
    assert "sample" not in again.run.timings


def test_a_soft_mask_changes_less_than_a_hard_one(picture, tmp_path):
    moved = []
    for grey in (255, 60):
        mask = white(tmp_path, (128, 128), (32, 32, 96, 96), grey)
        result = synoptic.inpaint(picture, mask, HORSE, out=str(tmp_path / str(grey)), **QUICK)
        moved.append(np.abs(np.asarray(result.images[0], float) - np.asarray(drawing(128, 128), float)).mean())
    assert 0 < moved[1] < 0.5 * moved[0]


def test_invert_gives_the_noise_and_the_picture_back(tmp_path):
    painted = synoptic.generate(HORSE, steps=10, dtype="float32", out=str(tmp_path / "horse")).run
    file = str(painted.folder / painted.pictures[0].file)
    how: dict[str, Any] = {"steps": 12, "dtype": "float32", "out": str(tmp_path / "run")}
    found = synoptic.invert(file, HORSE, **how)
    assert found.psnr_model > 30 and found.psnr > 28 and 0.7 < found.std < 1.2
    assert load_file(tmp_path / "run/noise.safetensors")["noise"].shape == (1, 4, 32, 32)
    assert (tmp_path / "run/figure.png").exists() and f"{found.psnr:.2f} dB" in str(found)
    (tmp_path / "run/reconstruction.png").unlink()
    assert synoptic.invert(file, HORSE, **how).image.tobytes() == found.image.tobytes()
    once = synoptic.invert(file, HORSE, refine=0, steps=12, dtype="float32", out=str(tmp_path / "once"))
    assert once.psnr_model < found.psnr_model


def test_the_noise_laboratory_on_a_pixel_model(tmp_path):
    painted = synoptic.generate(HORSE, steps=12, dtype="float32", model="bundled-if", out=str(tmp_path / "horse")).run
    file = str(painted.folder / painted.pictures[0].file)
    how: dict[str, Any] = {"t": [200, 600], "stride": 100, "dtype": "float32", "out": str(tmp_path / "run")}
    bench = synoptic.denoise(file, HORSE, **how)
    psnr = {(t, name.split(" sigma")[0]): value for t, name, value in bench.rows}
    for t in (200, 600):
        assert psnr[t, "onestep"] > psnr[t, "best blur"] >= psnr[t, "blur 5"] > psnr[t, "noisy"]
    assert (tmp_path / "run/denoise.tsv").read_text() == f"{bench}\n"
    assert io.load_image(tmp_path / "run/denoise.png").width == 6 * (192 + 8) + 8
    again = synoptic.denoise(file, HORSE, **how)
    assert again.rows == bench.rows and json.loads((tmp_path / "run/run.json").read_text())["state"] == "done"


def test_the_noise_laboratory_on_a_latent_model_with_one_method(picture, tmp_path):
    bench = synoptic.denoise(
        picture, t=[300], method=["onestep"], model="bundled", sampler="ddim", dtype="float32", out=str(tmp_path / "run")
    )
    assert [name for _, name, _ in bench.rows] == ["noisy", "onestep"]


def test_files_of_every_kind_are_seen_as_they_are_meant(tmp_path):
    """The same drawing in every mode; each must come back as the picture that a viewer shows."""
    rgb = drawing(70, 90)
    grey = rgb.convert("L")

    def seen(name: str, image: Image.Image, **options: Any) -> np.ndarray:
        image.save(tmp_path / name, **options)
        return np.asarray(io.load_photo(tmp_path / name), float)

    exact, tone = np.asarray(rgb, float), np.asarray(grey.convert("RGB"), float)
    assert (seen("rgb.png", rgb) == exact).all() and (seen("grey.png", grey) == tone).all()
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert (seen("deep.png", deep) == tone).all(), "16 bits are scaled, not cut off"
    assert np.abs(seen("cmyk.jpg", rgb.convert("CMYK"), quality=100) - exact).mean() < 6
    clear = rgb.copy()
    clear.putalpha(Image.new("L", rgb.size))
    assert (seen("clear.png", clear) == 255).all(), "transparency is white, whatever colour hides in it"
    exif = Image.Exif()
    exif[0x0112] = 6
    assert (
        np.abs(seen("turned.jpg", rgb, exif=exif, quality=100) - np.asarray(rgb.rotate(-90, expand=True), float)).mean() < 6
    )
    assert seen("palette.gif", rgb.quantize(64)).shape == exact.shape
    assert (seen("see-through.png", clear.convert("LA")) == 255).all()
    wide = np.concatenate([np.zeros((90, 1)), (np.asarray(rgb).astype(">u2") * 257).view(np.uint8).reshape(90, -1)], 1)
    chunks = (
        b"IHDR",
        struct.pack(">IIBBBBB", 70, 90, 16, 2, 0, 0, 0),
        b"IDAT",
        zlib.compress(wide.astype(np.uint8).tobytes()),
    )
    (tmp_path / "deep-rgb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(*chunks[:2]) + chunk(*chunks[2:]) + chunk(b"IEND", b"")
    )
    assert (np.asarray(io.load_photo(tmp_path / "deep-rgb.png")) == exact).all(), "16 bits a channel, which PIL cannot write"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_a_mask_is_read_as_its_picture_is(tmp_path):
    """Both turned by their EXIF, the mask in 16 bits: what is kept is what a viewer shows outside the white."""
    exif = Image.Exif()
    exif[0x0112] = 6
    drawing(80, 64).save(tmp_path / "source.png", exif=exif)
    white = np.zeros((64, 80), np.uint16)
    white[20:50, 30:60] = 65535
    Image.fromarray(white).save(tmp_path / "mask.png", exif=exif)
    how = {"out": str(tmp_path / "run"), **PIXELS}
    result = synoptic.inpaint(str(tmp_path / "source.png"), str(tmp_path / "mask.png"), HORSE, **how)
    shown, known = np.asarray(result.images[0]), np.asarray(drawing(80, 64).rotate(-90, expand=True))
    outside = np.rot90(white, -1) == 0
    assert (shown == known)[outside].all() and not (shown == known)[~outside].all(-1).mean() > 0.1


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    top = tmp_path_factory.mktemp("files")
    drawing(128, 128).save(top / "good.png")
    Image.new("L", (60, 60), 255).save(top / "small_mask.png")
    Image.new("L", (128, 128)).save(top / "black.png")
    (top / "text.png").write_text("not a picture")
    whole = (top / "good.png").read_bytes()
    (top / "half.png").write_bytes(whole[: len(whole) // 2])
    drawing(64, 64).save(top / "moving.gif", save_all=True, append_images=[drawing(64, 64).rotate(90)])
    Image.new("1", (10000, 10000)).save(top / "huge.png")
    Image.new("RGB", (5000, 4000)).save(top / "large.png")
    return top


BEFORE = {  # arguments -> words of the one line, before torch is imported
    "edit {files}/none.png": "is none: check the path",
    "edit {files}/good.png --start 1 --strength 0.5": "leave one away",
    "edit {files}/good.png --start 3 25": "at most 24, 25 was given",
    "edit {files}/good.png --start -1": "at least 0",
    "edit {files}/good.png --strength 0": "above 0 and at most 1",
    "edit {files}/good.png --size 100": "at least 128",
    "inpaint {files}/good.png {files}/black.png x --resample 0": "--resample must be at least 1",
    "inpaint {files}/good.png {files}/black.png": "prompt",
    "inpaint {files}/good.png {files}/black.png x --jump 0": "--jump must be at least 1",
    "invert {files}/good.png --refine -1": "--refine must be at least 0",
    "denoise {files}/good.png --t 250 1000": "--t must be at most 999",
    "denoise {files}/good.png --method blur": "one of gaussian, onestep, iterative",
    "denoise {files}/good.png --stride 0": "--stride must be at least 1",
}
AFTER = {  # whose files must be opened first
    "edit {files}/text.png": "cannot be read as one (its content is none)",
    "edit {files}/half.png": "cannot be read as one",
    "edit {files}/moving.gif": "2 frames",
    "edit {files}/huge.png": "megapixels",
    "edit {files}/large.png": "give --size",
    "inpaint {files}/good.png {files}/small_mask.png x": "is 60x60",
    "inpaint {files}/good.png {files}/moving.gif x": "2 frames",
    "inpaint {files}/good.png {files}/text.png x": "cannot be read as one",
    "invert {files}/text.png": "cannot be read as one",
    "denoise {files}/moving.gif": "2 frames",
    "control {files}/huge.png x": "megapixels",
    "condition {files}/moving.gif": "2 frames",
    "inpaint {files}/good.png {files}/black.png x": "is black",
}


@pytest.fixture(scope="module")
def answers(files, ask):
    lines = [*BEFORE, *AFTER]
    return dict(zip(lines, ask([shlex.split(line.format(files=files)) for line in lines]), strict=True))


@pytest.mark.parametrize("line", [*BEFORE, *AFTER])
def test_bad_input_is_one_line_with_the_cure(answers, line):
    code, error, torch_was_imported = answers[line]
    assert code == 2
    assert error.startswith("synoptic: error: ") and error.count("\n") == 1
    assert (BEFORE | AFTER)[line] in error
    assert line in AFTER or not torch_was_imported


@pytest.mark.parametrize("recipe", ["edit", "inpaint", "invert", "denoise"])
def test_help_teaches_with_an_example(recipe, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["synoptic", recipe, "--help"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0 and f"synoptic {recipe} " in capsys.readouterr().out

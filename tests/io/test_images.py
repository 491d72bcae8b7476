import errno
import os
import struct
import sys
import zlib

import av
import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic import io
from synoptic.courses.files import size_of
from synoptic.errors import InputError


def test_tensor_to_picture_and_back_within_half_a_level():
    x = torch.rand(2, 3, 5, 7) * 2 - 1
    back = torch.cat([io.from_pil(p) for p in io.to_pil(x)])
    assert (back - x).abs().max() <= 0.5 / 127.5 + 1e-6


def test_what_is_out_of_range_is_clipped_not_wrapped():
    x = torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert list(io.to_pil(x)[0].tobytes()) == [0, 0, 0, 255, 255, 255]


def test_settings_survive_in_the_file(tmp_path):
    image = io.to_pil(torch.zeros(1, 3, 4, 4))[0]
    settings = {"prompt": "ein Bär 🐻", "seed": 3, "nested": {"a": [1, None]}}
    io.save_image(tmp_path / "a.png", image, settings)
    assert io.read_settings(tmp_path / "a.png") == settings
    image.save(tmp_path / "plain.png")
    assert io.read_settings(tmp_path / "plain.png") == {}
    image.save(tmp_path / "plain.jpg")
    assert io.read_settings(tmp_path / "plain.jpg") == {}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


HEAD = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
BROKEN = {  # PIL says each by another exception
    "crc": chunk(b"IHDR", HEAD)[:-1] + b"x",
    "head": chunk(b"IHDR", b"123"),
    "text": chunk(b"IHDR", HEAD) + chunk(b"zTXt", b"synoptic\0\0" + zlib.compress(bytes(70_000_000))),
    "size": chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_broken_of_a_picture_is_one_kind_of_error(name, tmp_path):
    (tmp_path / "a_fox.png").write_bytes(b"\x89PNG\r\n\x1a\n" + BROKEN[name] + chunk(b"IEND", b""))
    with pytest.raises(OSError):
        io.read_settings(tmp_path / "a_fox.png")
    for command, rule in ((synoptic.info, "picture-type"), (synoptic.score, "folder-no-prompt")):
        with pytest.raises(InputError) as e:
            command(str(tmp_path / "a_fox.png"))
        assert e.value.rule == rule
    with pytest.raises(InputError) as e:
        size_of(tmp_path / "a_fox.png")
    assert e.value.rule == "graded-picture"


def test_a_picture_of_a_run_is_read_however_large_it_is(tmp_path, monkeypatch):
    image = Image.linear_gradient("L").convert("RGB")
    io.save_image(tmp_path / "a.png", image, {})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert io.load_image(tmp_path / "a.png").tobytes() == image.tobytes()


def test_a_full_disk_names_the_file(tmp_path):
    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"No space left on device: '.*run\.json'"):
        io.atomic_write(tmp_path / "run.json", full)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("old")

    def fail(file):
        file.write(b"half of the ne")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        io.atomic_write(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def gradient(n, size=(37, 24)):
    """n frames through which a ramp moves."""
    y, x = np.mgrid[: size[1], : size[0]]
    for i in range(n):
        yield Image.fromarray(np.stack([x * 6, y * 10, (x + y + 4 * i) * 2], -1).astype(np.uint8))


@pytest.mark.parametrize("fps", [30, 12.5, 24000 / 1001])
def test_a_video_decodes_to_its_frames(tmp_path, fps):
    io.save_video(tmp_path / "a.mp4", gradient(20), fps)
    with av.open(str(tmp_path / "a.mp4"), "r") as film:
        stream = film.streams.video[0]
        assert stream.average_rate is not None and float(stream.average_rate) == pytest.approx(fps)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        decoded = [np.asarray(frame.to_image()).astype(int) for frame in film.decode(stream)]
    assert {frame.shape for frame in decoded} == {(24, 38, 3)}  # the odd side padded
    for frame, original in zip(decoded, gradient(20), strict=True):
        assert np.abs(frame[:, :37] - np.asarray(original)).mean() < 6


def test_a_gif_loops_and_lasts_as_long_as_it_should(tmp_path):
    io.save_gif(tmp_path / "a.gif", gradient(30), 30)
    with Image.open(tmp_path / "a.gif") as film:
        assert film.info["loop"] == 0 and getattr(film, "n_frames", 1) == 30
        delays = []
        for i, original in enumerate(gradient(30)):
            film.seek(i)
            delays.append(film.info["duration"])
            assert np.abs(np.asarray(film.convert("RGB")).astype(int) - np.asarray(original)).mean() < 12
    assert sum(delays) == 1000 and set(delays) == {30, 40}


def test_a_gif_faster_than_browsers_go_leaves_frames_out(tmp_path):
    io.save_gif(tmp_path / "a.gif", gradient(60), 120)
    with Image.open(tmp_path / "a.gif") as film:
        assert getattr(film, "n_frames", 1) <= 25 and film.info["duration"] >= 20


@pytest.mark.parametrize("write", [io.save_video, io.save_gif])
def test_a_film_that_fails_leaves_nothing_behind(tmp_path, write):
    def broken():
        yield from gradient(3)
        raise RuntimeError("the painting stopped")

    with pytest.raises(RuntimeError, match="the painting stopped"):
        write(tmp_path / "film", broken())
    for frames in ([], [*gradient(2), *gradient(1, (40, 40))]):
        with pytest.raises(ValueError, match="film"):
            write(tmp_path / "film", frames)
    with pytest.raises(ValueError, match="fps"):
        write(tmp_path / "film", gradient(2), 0)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_message_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "av")
    with pytest.raises(ImportError, match=r"synoptic-diffusion\[video\]"):
        io.save_video(tmp_path / "a.mp4", gradient(2))


@pytest.mark.parametrize(
    "text",
    [
        "a horse",
        "a very long prompt, " * 12,
        pytest.param("a very long prompt, " * 200, marks=pytest.mark.slow),
        "x" * 500,
        "Bär\nund 🐻",
    ],
)
def test_a_caption_of_any_length_stays_inside(text):
    strip = np.asarray(io.caption_strip(text, (300, 60), (238, 237, 233)))
    rows, columns = ((strip != strip[0, 0]).any(2).any(axis) for axis in (1, 0))
    assert rows.any() and not rows[[0, 1, -2, -1]].any() and not columns[[0, 1, 2, -3, -2, -1]].any()
    io.image_grid([Image.new("RGB", (32, 32))], [text], 1)


def test_a_short_caption_is_larger_than_a_long_one():
    few, many = (np.asarray(io.caption_strip(text, (300, 60), (255, 255, 255))) < 128 for text in ("lll", "lll " * 120))
    assert np.diff(np.nonzero(few.any((1, 2)))[0][[0, -1]]) > 10 > 0 < many.sum()

"""`synoptic video`: pictures into a film, in natural order."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

import synoptic
from synoptic.errors import InputError
from synoptic.options.video import natural_key


@pytest.fixture
def pictures(tmp_path):
    """Steps 1, 2 and 10, each of its own gray, the last one larger."""
    folder = tmp_path / "steps"
    folder.mkdir()
    for step, size in ((10, (48, 32)), (2, (32, 32)), (1, (32, 32))):
        Image.new("RGB", size, (20 * step,) * 3).save(folder / f"step{step}.png")
    return folder


def test_pictures_come_in_natural_order_padded_to_one_size(pictures, tmp_path):
    out = synoptic.video([str(pictures)], fps=5, out=str(tmp_path / "film.mp4"))
    with av.open(str(out)) as film:
        frames = [np.asarray(frame.to_image(), dtype=int) for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 5
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 3
    middles, edges = [frame[16, 24].mean() for frame in frames], [frame[16, 2].mean() for frame in frames]
    assert np.allclose(middles, [20, 40, 200], atol=3) and np.allclose(edges, [0, 0, 200], atol=3)


def test_files_and_a_gif(pictures, tmp_path):
    out = synoptic.video([str(pictures / f"step{i}.png") for i in (10, 1, 2)], out=str(tmp_path / "film.gif"))
    with Image.open(out) as gif:
        assert (gif.format, gif.size, getattr(gif, "n_frames", 1), gif.info["duration"]) == ("GIF", (48, 32), 3, 100)


def test_natural_order():
    names = ["b1", "a10", "a2", "A1", "a1x2", "a1x10", "3"]
    assert sorted(names, key=natural_key) == ["3", "A1", "a1x2", "a1x10", "a2", "a10", "b1"]


@pytest.mark.parametrize("kind", ["mp4", "gif"])
@pytest.mark.parametrize("fps", [0.01, 1000.0])
def test_the_slowest_and_the_fastest_films_can_be_written(kind, fps, pictures, tmp_path):
    out = synoptic.video([str(pictures)], fps=fps, out=str(tmp_path / f"film.{kind}"))
    assert out.stat().st_size > 100


def test_bad_input_is_refused(pictures, tmp_path, ask):
    (tmp_path / "empty").mkdir()
    (text := tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png cannot be read"):
        synoptic.video([str(text)], out=str(tmp_path / "film.mp4"))
    bad = {
        "missing.png --out {out}": "missing.png is or holds none",
        "{empty} --out {out}": "holds none",
        "{steps} --fps 0 --out {out}": "--fps must be at least 0.01, 0.0 was given: raise it",
        "{steps} --fps 1e9 --out {out}": "--fps must be at most 1000,",
        "{steps} --out film.avi": ".mp4 or .gif",
    }
    places = {"empty": tmp_path / "empty", "steps": pictures, "out": tmp_path / "film.mp4"}
    answers = ask([["video", *line.format(**places).split()] for line in bad])
    for words, (code, error, heavy) in zip(bad.values(), answers, strict=True):
        assert (code, heavy, error.count("\n")) == (2, False, 1) and words in error

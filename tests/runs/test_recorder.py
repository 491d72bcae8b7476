"""Films and pages of how pictures come about, and the preview while they do."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic.errors import InputError
from synoptic.io.html import viewer_page
from synoptic.models import checkpoint
from synoptic.models.families import Defaults
from synoptic.runs.recorder import HOLD
from synoptic.runs.resume import ResumeState, remove_state
from synoptic.sampling.step import Step
from synoptic.utils import timing
from tests.labels import label
from tests.quick import slow_ones

HOW: dict[str, Any] = {"steps": 2, "device": "cpu", "dtype": "float32", "trace": True}
PAIR = ("a photo of a horse", "a photo of a dog")


@pytest.fixture(scope="module")
def horse(tmp_path_factory):
    return synoptic.run("generate", PAIR[0], model="bundled", out=str(tmp_path_factory.mktemp("horse")), **HOW)


@pytest.mark.slow
def test_a_film_ends_in_the_picture(horse):
    frames = frames_of(horse.folder / "a_photo_of_a_horse_0.trace.html")
    assert [label for label, *_ in frames] == [f"x after step {i} of 2" for i in (1, 2)]
    x, x0 = frames[-1][2:]
    assert apart(x, horse.images[0]) < 4 and apart(frames[0][2], horse.images[0]) > 20
    assert apart(x0, horse.images[0]) < apart(frames[0][3], horse.images[0])


@pytest.mark.parametrize("model", slow_ones(["bundled", "bundled-if"], ["bundled"]))
def test_the_films_have_a_frame_per_step_and_hold_the_last(model, tmp_path):
    synoptic.run("generate", PAIR[0], model=model, upscalers="none", out=str(tmp_path), **HOW)
    stem = tmp_path / "a_photo_of_a_horse_0"
    with av.open(str(stem.with_suffix(".trace.mp4"))) as film:
        frames = [np.asarray(frame.to_image(), dtype=int) for frame in film.decode(video=0)]
    assert len(frames) == 2 + HOLD
    assert np.abs(frames[0] - frames[1]).mean() > 10 and np.abs(frames[2] - frames[-1]).mean() < 2
    with Image.open(stem.with_suffix(".trace.gif")) as gif:
        assert getattr(gif, "n_frames", 1) >= 2


@pytest.mark.slow
def test_a_film_changes_neither_picture_nor_folder(horse, tmp_path):
    plain = synoptic.run("generate", PAIR[0], model="bundled", out=str(tmp_path), **HOW | {"trace": False})
    assert plain.images == horse.images and plain.options.to_json() == horse.options.to_json()
    assert not list(tmp_path.glob("*.trace.*"))
    later = synoptic.run("generate", PAIR[0], model="bundled", out=str(tmp_path), **HOW)
    assert "sample" in later.timings and len(list(tmp_path.glob("*.trace.*"))) == 3
    assert "sample" not in synoptic.run("generate", PAIR[0], model="bundled", out=str(tmp_path), **HOW).timings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "options"),
    [
        ("wide", {"width": 288, "space": "canonical"}),
        ("wide", {"width": 288, "space": "instance"}),
        ("anagram", {"model": "bundled-if", "upscalers": "none"}),
        ("anagram", {}),
        ("hybrid", {"upscalers": "none", "space": "instance"}),
    ],
    ids=label,
)
def test_whatever_a_step_holds_its_film_ends_in_the_picture(application, options, tmp_path):
    prompts = PAIR[:1] if application == "wide" else PAIR
    run = synoptic.run(application, *prompts, out=str(tmp_path), **HOW | options)
    frames = frames_of((tmp_path / run.pictures[0].file).with_suffix(".trace.html"))
    assert len(frames) == 2 and apart(frames[-1][2], run.images[0]) < 4


@pytest.mark.slow
def test_stages_make_one_film(tmp_path, monkeypatch):
    monkeypatch.setitem(checkpoint.BUNDLED_DEFAULTS, "if-ii", Defaults(1, 3.0, 64))
    how = HOW | {"steps": 2, "model": "bundled-if"}
    run = synoptic.run("generate", PAIR[0], out=str(tmp_path), **how)
    frames = frames_of(tmp_path / "a_photo_of_a_horse_0.trace.html")
    assert [frame[2].size for frame in frames] == [(256, 256)] * 3 and apart(frames[-1][2], run.images[0]) < 4


@pytest.mark.slow
def test_an_optimization_shows_its_gradient_and_its_score(tmp_path):
    how = HOW | {"loss": "sds", "steps": 3}
    run = synoptic.run("distill", PAIR[0], out=str(tmp_path), **how)
    page = (tmp_path / run.pictures[0].file).with_suffix(".trace.html").read_text()
    assert "gradient norm" in page and "CLIP score" in page and page.count("<polyline") == 2


def test_a_preview_is_there_while_it_runs_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "EVERY", 0.0)
    x = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    kept = ResumeState(tmp_path, ["a.png", "b.png"])
    kept.offer(Step(0, 9, x, x, decode=lambda z: z))
    with Image.open(tmp_path / "preview.png") as preview:
        assert np.abs(np.asarray(preview)[0, 0] - np.array([0, 43, 85])).max() <= 1, "the first picture's"
    remove_state(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_page_needs_nothing_but_itself_and_holds_any_title():
    picture = Image.new("RGB", (8, 8), "red")
    text = viewer_page('</script><b>"$x" & co', [([picture, picture], ["<a>", "</script>"])], columns=2)
    assert not re.search(r'(src|href)="|https?://|@import', text)
    assert "<b>" not in text and text.count("</script>") == 1


def test_a_film_without_pyav_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("synoptic.errors.find_spec", lambda name: None)
    with pytest.raises(InputError) as e:
        synoptic.run("generate", PAIR[0], model="bundled", **HOW)
    assert e.value.rule == "missing-package"


def frames_of(path: Path) -> list[Any]:
    """The frames inside a page: (label, label, picture, picture)."""
    (found,) = re.findall(r"const steps = (.*);\n", path.read_text())
    return [(a, b, *map(opened, urls)) for a, b, *urls, _ in json.loads(found)]


def opened(url: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(url.removeprefix("data:image/jpeg;base64,"))))


def apart(a: Image.Image, b: Image.Image) -> float:
    """The mean difference of two pictures in 8-bit levels: a JPEG differs by a few."""
    assert a.size == b.size
    return float(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).mean())

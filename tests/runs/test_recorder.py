"""Films and pages of how pictures come about."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

import synoptic
from synoptic.diffusion.equations import Step
from synoptic.models import registry as source
from synoptic.models.families import Defaults
from synoptic.pipelines.control import control
from synoptic.pipelines.edit import edit
from synoptic.runs import recorder
from synoptic.runs.manifest import Result
from synoptic.runs.recorder import HOLD, Trace, page

HOW: dict[str, Any] = {"steps": 4, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def horse(tmp_path_factory):
    return synoptic.generate("a photo of a horse", trace=True, out=str(tmp_path_factory.mktemp("horse")), **HOW)


def test_a_trace_ends_in_the_picture(horse):
    steps = scrubbed(horse.run.folder / "a_photo_of_a_horse_0.trace.html")
    assert [words for words, *_ in steps] == [f"x after step {i} of 4" for i in (1, 2, 3, 4)]
    last, believed = steps[-1][2:]
    assert apart(last, horse.images[0]) < 4 and apart(steps[0][2], horse.images[0]) > 20
    assert apart(believed, horse.images[0]) < apart(steps[0][3], horse.images[0])


def test_the_films_have_a_frame_a_step_and_hold_the_last(horse):
    stem = horse.run.folder / "a_photo_of_a_horse_0"
    with av.open(str(stem.with_suffix(".trace.mp4"))) as film:
        frames = [np.asarray(frame.to_image(), dtype=int) for frame in film.decode(video=0)]
    assert len(frames) == 4 + HOLD
    assert np.abs(frames[0] - frames[3]).mean() > 10 and np.abs(frames[4] - frames[-1]).mean() < 2
    with Image.open(stem.with_suffix(".trace.gif")) as gif:
        assert getattr(gif, "n_frames", 1) >= 4


def test_a_trace_changes_neither_picture_nor_folder(horse, tmp_path):
    plain = synoptic.generate("a photo of a horse", out=str(tmp_path), **HOW)
    assert plain.images == horse.images and plain.run.settings == horse.run.settings
    assert not list(tmp_path.glob("*.trace.*"))
    later = synoptic.generate("a photo of a horse", trace=True, out=str(tmp_path), **HOW)
    assert "sample" in later.run.timings and len(list(tmp_path.glob("*.trace.*"))) == 3
    again = synoptic.generate("a photo of a horse", trace=True, out=str(tmp_path), **HOW)
    assert "sample" not in again.run.timings and again.images == plain.images


@pytest.mark.parametrize("space", ["canonical", "instance"])
def test_a_wide_picture_is_traced_wherever_its_state_lives(tmp_path, space):
    how = HOW | {"steps": 2, "count": 2, "trace": True, "out": str(tmp_path)}
    result = synoptic.wide("a photo of the sea", width=144, space=space, **how)
    for picture, image in zip(result.run.pictures, result.images, strict=True):
        steps = scrubbed((tmp_path / picture.file).with_suffix(".trace.html"))
        assert len(steps) == 2 and apart(steps[-1][2], image) < 4


def test_stages_make_one_trace(tmp_path, monkeypatch):
    monkeypatch.setitem(source.BUNDLED_DEFAULTS, "if-ii", Defaults(1, 3.0, 64))
    how = {"model": "bundled-if", "upscalers": ["auto"], "trace": True, "out": str(tmp_path)} | HOW
    result = synoptic.generate("a photo of a lemon", **how)
    steps = scrubbed(tmp_path / "a_photo_of_a_lemon_0.trace.html")
    assert [step[2].size for step in steps] == [(256, 256)] * 5
    assert apart(steps[-1][2], result.images[0]) < 4


@pytest.mark.parametrize("recipe", [edit, synoptic.inpaint, control])
def test_what_begins_with_a_picture_is_traced(recipe, horse, tmp_path):
    source = horse.run.folder / "a_photo_of_a_horse_0.png"
    mask = Image.new("L", (128, 128))
    mask.paste(255, (40, 40, 88, 88))
    mask.save(tmp_path / "mask.png")
    given = [str(source), str(tmp_path / "mask.png")] if recipe is synoptic.inpaint else [str(source)]
    result = recipe(*given, "a photo of a dog", trace=True, out=str(tmp_path / "run"), **HOW)
    steps = scrubbed(tmp_path / "run/a_photo_of_a_dog_1.trace.html")
    assert len(steps) == (2 if recipe is edit else 4)  # of 0.6 of four steps
    assert apart(steps[-1][2], result.images[0]) < 4


def test_every_start_of_an_edit_has_its_trace(horse, tmp_path):
    source = str(horse.run.folder / "a_photo_of_a_horse_0.png")
    edit(source, "a photo of a dog", start=[2, 3], trace=True, out=str(tmp_path), **HOW)
    lengths = [len(scrubbed(tmp_path / f"start-{n}/a_photo_of_a_dog_1.trace.html")) for n in (2, 3)]
    assert lengths == [2, 1]


@pytest.mark.parametrize("model", ["bundled", "bundled-if"])
@pytest.mark.parametrize("recipe", [synoptic.anagram, synoptic.hybrid])
def test_pictures_of_several_prompts_are_traced_wherever_their_views_live(recipe, model, tmp_path):
    """Of a latent model the states are the latents of views, and the last one the picture."""
    how = HOW | {"steps": 2, "model": model, "upscalers": ["none"], "trace": True, "out": str(tmp_path)}
    (image,), run = recipe(["a photo of a horse", "a photo of a dog"], **how)
    steps = scrubbed((tmp_path / run.pictures[0].file).with_suffix(".trace.html"))
    assert len(steps) == 2 and apart(steps[-1][2], image) < 4


def test_an_anagram_is_traced_through_its_stages(tmp_path, monkeypatch):
    monkeypatch.setitem(source.BUNDLED_DEFAULTS, "if-ii", Defaults(1, 3.0, 64))
    how = HOW | {"steps": 2, "trace": True, "out": str(tmp_path)}
    result = synoptic.anagram(["a photo of a horse", "a photo of a dog"], **how)
    assert isinstance(result, Result)
    (image,), run = result
    steps = scrubbed((tmp_path / run.pictures[0].file).with_suffix(".trace.html"))
    assert [step[2].size for step in steps] == [(256, 256)] * 3 and apart(steps[-1][2], image) < 4


def test_a_preview_is_there_while_it_runs_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "EVERY", 0.0)
    x = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    trace = Trace([tmp_path / "a.png", tmp_path / "b.png"], lambda x: x, 4)
    for _ in trace.watch([Step(0, 9, x, x)]):
        with Image.open(tmp_path / "preview.png") as preview:
            assert np.abs(np.asarray(preview)[0, 0] - np.array([0, 43, 85])).max() <= 1, "the first picture's"
    trace.write(["a", "b"])
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.trace.{end}" for n in "ab" for end in ("mp4", "gif", "html")}


def test_a_page_needs_nothing_but_itself_and_holds_any_title():
    picture = Image.new("RGB", (8, 8), "red")
    text = page('</script><b>"$x" & co', [("<a>", "</script>", picture, picture)], 2)
    assert not re.search(r'(src|href)="|https?://|@import', text)
    assert "<b>" not in text and text.count("</script>") == 1


def test_a_trace_without_pyav_is_refused_at_the_door(monkeypatch):
    monkeypatch.setattr("synoptic.options.resolve.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"--trace needs PyAV.*pip install 'synoptic-diffusion\[video\]'"):
        synoptic.generate("a photo of a horse", trace=True, **HOW)


def scrubbed(path):
    """The steps inside a page: (label, label, picture, picture)."""
    (found,) = re.findall(r"const steps = (.*);\n", path.read_text())
    return [(a, b, *map(opened, urls)) for a, b, *urls in json.loads(found)]


def opened(url: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(url.removeprefix("data:image/jpeg;base64,"))))


def apart(a: Image.Image, b: Image.Image) -> float:
    """The mean difference of two pictures in 8-bit levels: a JPEG differs by a few."""
    assert a.size == b.size
    return float(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).mean())

"""What is seen before painting is what is followed when it is painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from synoptic.io import load_image
from synoptic.options.pretrained_model import ModelOptions
from synoptic.runs.execute import run
from synoptic.studio import before
from synoptic.studio.fields import Field
from synoptic.studio.page import Page
from synoptic.studio.tabs import Tab
from tests.drawings import disc, hills


@pytest.fixture
def picture_file(tmp_path):
    file = tmp_path / "picture_file.png"
    disc(300).save(file)
    return str(file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "values", "kinds"),
    [
        ("control", {"image": "", "prompt": "a house", "condition": ["canny", "scribble"]}, ["canny", "scribble"]),
        ("edit", {"image": "", "prompt": "a house", "condition": "scribble", "start": 0}, ["scribble"]),
        ("wide", {"control": "", "prompt": "a house", "width": 384, "height": 256, "circular": True}, ["canny"]),
    ],
)
def test_the_maps_are_those_that_a_run_follows(application, values, kinds, picture_file, tmp_path):
    values = {name: picture_file if value == "" else value for name, value in values.items()} | {"steps": 1}
    painted = run(application, **values, out=str(tmp_path / "out"))
    assert isinstance(painted.options, ModelOptions)
    drawn = before.maps(painted.options)
    assert list(drawn) == kinds
    for kind, image in drawn.items():
        (file,) = painted.folder.glob(f"{kind}.png")
        assert load_image(file).tobytes() == image.convert("RGB").tobytes() and image.getextrema()[0] == (0, 255)


def tab_of(studio, tmp_path, application) -> tuple[Callable[..., list[Any]], Tab]:
    page = Page(studio(listen=True), tmp_path, "secret")
    page.build()
    tab = next(tab for tab in page.tabs if tab.application == application)
    return tab.foresee(page.jobs.permissions), tab


def entries(tab: Tab, **given: object) -> list[object]:
    return [
        given[one.spec.name] if isinstance(one, Field) and one.spec.name in given else one.entry({}) for one in tab.fields
    ]


def test_a_map_appears_with_the_picture_and_before_a_prompt(studio, tmp_path, picture_file):
    look, tab = tab_of(studio, tmp_path, "control")
    pictures, note = look(*entries(tab))
    assert not pictures["visible"] and not note["visible"]
    pictures, note = look(*entries(tab, image=picture_file, condition=["scribble", "canny"]))
    assert [kind for _, kind in pictures["value"]] == ["scribble", "canny"] and pictures["visible"] and not note["visible"]
    assert {image.size for image, _ in pictures["value"]} == {Image.open(picture_file).size}
    pictures, note = look(*entries(tab, image=picture_file, condition=["segment"]))
    assert not pictures["visible"] and "there is no bundled-segment" in note["value"] and note["visible"]


@pytest.mark.slow
def test_boxes_are_drawn_in_the_shape_of_the_picture(studio, tmp_path, picture_file):
    look, tab = tab_of(studio, tmp_path, "wide")
    shape, _, _ = look(*entries(tab, width="640"))
    assert (shape["wide"], shape["high"]) == (640, 256)
    hills().save(picture_file)
    shape, pictures, _ = look(*entries(tab, control=picture_file))
    assert (shape["wide"], shape["high"]) == (640, 256) and [kind for _, kind in pictures["value"]] == ["canny"]
    _, _, note = look(*entries(tab, width="<b>x</b>"))
    assert "&lt;b&gt;" in note["value"] and "<b>" not in note["value"]
    assert before.boxes("panorama").props == {"degrees": True, "wide": 1024, "high": 512}

"""Every application in a real browser: entered, painted, seen on its way and in its viewer. Needs Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("trimesh")

import trimesh

import synoptic
from synoptic.io import read_settings
from synoptic.studio.results import pictures
from tests.drawings import disc
from tests.studio.browser import choose, drag, entry, needs_browser, opened, studio, unfold, until, until_edited, upload
from tests.tiny import tiny_sd3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_browser]


class Case(NamedTuple):
    """What is entered in a tab, the file that is uploaded there, and what moves in the end: an element, or a frame's."""

    entered: dict[str, str]
    file: str = ""
    moves: str = ""


HOUSE, TWO = "a yellow house", "a lion\na sunflower"
CASES = {
    "generate": Case({"prompt": HOUSE, "steps": "12", "upscaler steps": "1"}),
    "wide": Case({"prompt": HOUSE, "width": "512", "steps": "4"}, moves="#viewer iframe"),
    "panorama": Case(
        {"prompt": HOUSE, "height": "128", "steps": "2", "num views": "6", "fov": "100"}, moves="#viewer iframe"
    ),
    "anagram": Case({"prompt": TWO, "steps": "6"}, moves="#viewer iframe"),
    "hybrid": Case({"prompt": TWO, "steps": "3", "upscaler steps": "1"}, moves="#viewer iframe"),
    "text_to_3d": Case(
        {"prompt": HOUSE, "steps": "8", "preview every": "4", "resolution": "16", "frames": "12"}, moves="#viewer iframe"
    ),
    "texture": Case(
        {"prompt": HOUSE, "steps": "2", "num views": "3", "texture size": "64"}, "box.glb", moves="#viewer iframe"
    ),
    "edit": Case({"prompt": HOUSE, "steps": "3"}, "disc.png"),
    "flow_edit": Case({"prompt": HOUSE, "source prompt": "a disc", "steps": "4"}, "disc.png"),
    "rf_inversion": Case({"prompt": HOUSE, "steps": "4", "model": "flow"}, "disc.png"),
    "inpaint": Case({"prompt": HOUSE, "steps": "12"}, "disc.png"),
    "control": Case({"prompt": HOUSE, "steps": "3"}, "disc.png"),
    "invert": Case({"prompt": HOUSE, "steps": "12"}, "disc.png"),
    "distill": Case({"prompt": HOUSE, "steps": "12"}),
    "denoise": Case({"prompt": HOUSE, "t": "200", "model": "bundled-if"}, "small.png"),
    "compare_sync": Case({"prompt": TWO, "steps": "2", "upscaler steps": "1"}, moves="#viewer iframe"),
}

THERE_AND_BACK = ("generate", "panorama", "anagram", "inpaint", "invert")  # painted once: what is there is not painted again


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a studio in a process of its own, and its folder."""
    models = tmp_path_factory.mktemp("models")
    tiny_sd3(models / "flow")  # no bundled model is a flow
    folder = tmp_path_factory.mktemp("studio")
    with studio(folder, "--models", str(models)) as (address, _):
        yield address, folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    disc(256).save(folder / "disc.png")
    disc(64).save(folder / "small.png")  # of bundled-if's own size
    trimesh.creation.box((1.0, 1.4, 0.8)).export(folder / "box.glb")
    return folder


def test_no_application_is_left_out():
    assert set(CASES) == set(synoptic.APPLICATIONS)


@pytest.mark.parametrize("application", [name for name in CASES if name not in THERE_AND_BACK])
def test_an_application_is_painted(application: str, address: tuple[str, Path], files: Path, tmp_path: Path):
    with opened(address[0]) as page:
        paint(page, application, files)
        page.screenshot(path=tmp_path / f"{application}.png", full_page=True)


def paint(page: Any, application: str, files: Path) -> None:
    """Enter a case, paint, and look at what comes."""
    case = CASES[application]
    choose(page, application)
    if case.file:
        upload(page, files / case.file)
    unfold(page)
    for label, text in case.entered.items():
        entry(page, label).fill(text)
        if label == "model":
            page.keyboard.press("Enter")
    if application == "inpaint":
        drag(page, until_edited(page), (40, 30))
    if application == "control":
        page.wait_for_selector("#maps-control img")
    page.locator(f"#paint-{application}").click()
    page.wait_for_function("window.seen.size > 0", timeout=300_000)
    until(page, "done", 600)
    page.wait_for_selector("#pictures img")
    assert page.evaluate("[...window.seen]"), "neither progress nor a preview was seen"
    if application == "texture":
        page.wait_for_selector("#mesh a[href$='.glb']")
    if case.moves:
        place = page.locator(case.moves)
        place.wait_for()
        stop_turning(page)
        page.wait_for_timeout(1500)
        still = place.screenshot()
        move(page, application, place)
        page.wait_for_timeout(700)
        assert place.screenshot() != still


def stop_turning(page: Any) -> None:
    """Stop the page that turns an object by itself."""
    button = page.frame_locator("#viewer iframe").get_by_role("button", name="Stop", exact=True)
    if page.locator("#viewer iframe").count() and button.count():
        button.click()


def move(page: Any, application: str, place: Any) -> None:
    viewer = page.frame_locator("#viewer iframe")
    if application == "anagram":
        viewer.get_by_role("button", name="upside down").click()
    elif application == "hybrid":
        viewer.locator("#distance").fill("80")
    elif application == "compare_sync":
        viewer.get_by_role("button", name="instance x0: a sunflower, seed 0").click()
        assert viewer.get_by_role("dialog").is_visible()
        page.keyboard.press("ArrowDown")
        assert viewer.get_by_role("dialog").inner_text().startswith("instance xt: a sunflower")
    else:
        drag(page, place, (90, 20))


@pytest.mark.parametrize("application", THERE_AND_BACK)
def test_a_tab_to_the_end_and_back(application: str, address: tuple[str, Path], files: Path):
    with opened(address[0]) as page:
        paint(page, application, files)
        assert any(one != "progress" for one in page.evaluate("[...window.seen]")), "no preview was seen before the end"
        painted = newest(address[1], application)
        if application == "inpaint":
            check_inpainted(painted)
        stopped_after_a_reload(page, application)
        restored(page, painted)


def newest(folder: Path, application: str) -> Path:
    """Return the picture that was painted last."""
    found = (file for run in folder.glob(f"{application}/*") for file in pictures(run))
    return max(found, key=lambda file: file.stat().st_mtime)


def check_inpainted(file: Path) -> None:
    """Check that a picture is as it was uploaded but for its middle, where the mask was painted."""
    with Image.open(file) as opened_picture:
        painted = np.asarray(opened_picture.convert("RGB"), float)
    given = np.asarray(disc(256).convert("RGB").resize(painted.shape[1::-1]), float)
    apart = np.abs(painted - given).mean(axis=2)
    assert apart[[*range(40), *range(-40, 0)]].mean() < 8 < apart[100:156, 100:156].mean()


def stopped_after_a_reload(page: Any, application: str) -> None:
    """Ask for more than can be waited for, reload the page in mid-run, find the job there, stop it."""
    entry(page, "steps").fill("900")
    page.locator(f"#paint-{application}").click()
    try:
        until(page, "step", 90)
        page.reload()
        until(page, "step", 90)
    finally:  # else the next test waits for it
        page.locator("#stop").click()
    until(page, "stopped", 60)


def restored(page: Any, file: Path) -> None:
    """Drop a picture on the page, whose settings come back."""
    found = read_settings(file)
    page.set_input_files("#dropped input[type=file]", str(file))
    page.wait_for_selector(f"#paint-{found['application']}", state="visible")
    steps, prompt = (entry(page, name) for name in ("steps", "prompt"))
    page.wait_for_function(
        "([field, text]) => field.value === text", arg=[steps.element_handle(), str(found["options"]["steps"])]
    )
    assert prompt.input_value() in (HOUSE, TWO)

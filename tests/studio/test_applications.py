"""Every application in a real browser: entered, painted, seen on its way and in its viewer. Needs Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("playwright.sync_api")
pytest.importorskip("trimesh")

import trimesh

import synoptic
from tests.drawings import disc
from tests.studio.browser import CHROMIUM, choose, drag, entry, opened, studio, unfold, until, upload
from tests.tiny import tiny_sd3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]


class Case(NamedTuple):
    """What is entered in a tab, the file that is uploaded there, and what moves in the end: an element, or a frame's."""

    entered: dict[str, str]
    file: str = ""
    moves: str = ""


HOUSE, TWO = "a yellow house", "a lion\na sunflower"
CASES = {
    "generate": Case({"prompt": HOUSE, "steps": "3", "model": "bundled-if"}),
    "wide": Case({"prompt": HOUSE, "width": "512", "steps": "4"}, moves="#viewer iframe"),
    "panorama": Case({"prompt": HOUSE, "height": "256", "steps": "2"}, moves="#viewer iframe"),
    "anagram": Case({"prompt": TWO, "steps": "3"}, moves="#viewer iframe"),
    "hybrid": Case({"prompt": TWO, "steps": "3"}, moves="#viewer iframe"),
    "text_to_3d": Case({"prompt": HOUSE, "steps": "40", "preview every": "10"}, moves="#viewer iframe"),
    "texture": Case(
        {"prompt": HOUSE, "steps": "3", "num views": "4", "texture size": "64"}, "box.glb", moves="#viewer iframe"
    ),
    "edit": Case({"prompt": HOUSE, "steps": "3"}, "disc.png"),
    "flow_edit": Case({"prompt": HOUSE, "source prompt": "a disc", "steps": "4"}, "disc.png"),
    "rf_inversion": Case({"prompt": HOUSE, "steps": "4", "model": "flow"}, "disc.png"),
    "inpaint": Case({"prompt": HOUSE, "steps": "3"}, "disc.png"),
    "control": Case({"prompt": HOUSE, "steps": "3"}, "disc.png"),
    "invert": Case({"prompt": HOUSE, "steps": "3"}, "disc.png"),
    "distill": Case({"prompt": HOUSE, "steps": "12"}),
    "denoise": Case({"prompt": HOUSE, "t": "200", "model": "bundled-if"}, "small.png"),
    "compare_sync": Case({"prompt": TWO, "steps": "2"}, moves="#viewer iframe"),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = tmp_path_factory.mktemp("models")
    tiny_sd3(models / "flow")  # no bundled model is a flow
    with studio(tmp_path_factory.mktemp("studio"), "--models", str(models)) as (address, _):
        yield address


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    disc(256).save(folder / "disc.png")
    disc(64).save(folder / "small.png")  # of bundled-if's own size
    trimesh.creation.box((1.0, 1.4, 0.8)).export(folder / "box.glb")
    return folder


def test_no_application_is_left_out():
    assert set(CASES) == set(synoptic.APPLICATIONS)


@pytest.mark.parametrize("application", CASES)
def test_an_application_is_painted(application: str, address: str, files: Path, tmp_path: Path):
    with opened(address) as page:
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
        place = page.locator(".image-container canvas").locator("visible=true").first
        place.wait_for()
        page.wait_for_timeout(1000)
        drag(page, place, (40, 30))
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

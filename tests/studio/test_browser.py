"""The page in a real browser: paint, preview, viewers, stop, reload, dropped settings. Needs Chromium and playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a studio in a process of its own, and its folder."""
    folder = tmp_path_factory.mktemp("studio")
    command = [sys.executable, "-m", "synoptic", "studio", "--port", "0", "--out", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    yield process.stdout.readline().split()[0], folder
    process.terminate()
    process.wait(20)


@pytest.fixture
def page(address: tuple[str, Path]) -> Iterator[Any]:
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(address[0])
        page.wait_for_selector("#paint-generate")
        yield page
        browser.close()


def entry(page: Any, label: str) -> Any:
    return page.get_by_label(label, exact=False).locator("visible=true").first


def until(page: Any, word: str) -> None:
    page.wait_for_function(f"document.querySelector('#status').innerText.includes('{word}')")


def choose(page: Any, application: str) -> None:
    page.get_by_role("tab", name=application).first.click()
    page.wait_for_selector(f"#paint-{application}", state="visible")


def test_a_wide_picture_is_seen_before_it_is_done_and_moves_in_its_viewer(page):
    choose(page, "wide")
    entry(page, "prompt").fill("a photo of a lake")
    entry(page, "width").fill("256")
    page.locator("#paint-wide").click()
    page.wait_for_selector("#preview img")
    assert "of 25" in page.locator("#status").inner_text()
    until(page, "done")
    page.wait_for_selector("#pictures img")
    viewer = page.locator("#viewer iframe")
    viewer.scroll_into_view_if_needed()
    before = viewer.screenshot()
    box = viewer.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 180, steps=4)
    page.mouse.up()
    assert viewer.screenshot() != before


def test_an_anagram_turns(page):
    choose(page, "anagram")
    page.get_by_role("button", name="a penguin").click()
    page.wait_for_function("[...document.querySelectorAll('textarea')].some(t => t.value.includes('giraffe'))")
    entry(page, "steps").fill("2")
    page.locator("#paint-anagram").click()
    until(page, "done")
    viewer = page.frame_locator("#viewer iframe")
    viewer.get_by_role("button", name="upside down").click()
    viewer.locator("#picture[style*='rotate(180deg)']").wait_for()


def test_a_job_is_found_again_after_a_reload_stops_and_its_settings_come_back(page, address):
    entry(page, "prompt").fill('a photo of a horse & "<b>words</b>"')
    entry(page, "count").fill("1")
    page.locator("#paint-generate").click()
    until(page, "done")
    (picture,) = address[1].glob("generate/*/a_photo_of_a_horse*.png")
    page.locator("#nine-generate").click()
    until(page, "step")
    page.reload()
    page.wait_for_selector("#paint-generate")
    until(page, "step")
    page.locator("#stop").click()
    until(page, "stopped")
    page.set_input_files("input[type=file][accept*='.png']", str(picture))
    page.wait_for_function("[...document.querySelectorAll('textarea')].some(t => t.value.includes('<b>words</b>'))")
    page.get_by_role("tab", name="History").click()
    page.wait_for_selector("#history img")
    time.sleep(0.5)
    page.locator("#history img").first.click()
    page.wait_for_function("document.querySelector('#settings').innerText.includes('a photo of a horse')")

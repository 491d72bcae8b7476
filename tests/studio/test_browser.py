"""The page in a real browser: an example at a click, a reload in mid-run, stop, dropped settings, history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import synoptic
from tests.studio.browser import choose, entry, needs_browser, opened, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_browser]
HOLDS = "text => [...document.querySelectorAll('textarea')].some(t => t.value.includes(text))"

OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(e => e.offsetParent && e.checkVisibility()
  && e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.visually-hidden')).map(e => e.outerHTML)"""


@pytest.fixture
def page(address: tuple[str, Path]) -> Iterator[Any]:
    with opened(address[0]) as page:
        yield page


def test_an_example_is_painted_at_a_click(page):
    page.get_by_role("button", name="an oil painting of a fox").click()
    page.wait_for_selector("#preview img")
    assert "of 25" in page.locator("#status").inner_text()
    until(page, "done")
    page.wait_for_selector("#pictures img")
    assert page.evaluate(HOLDS, "an oil painting of a fox")


def test_the_wide_viewer_has_buttons_and_keys(page):
    choose(page, "wide")
    entry(page, "prompt").fill("a photo of a lake")
    for label, text in {"width": "384", "steps": "3"}.items():
        entry(page, label).fill(text)
    page.locator("#paint-wide").click()
    until(page, "done")
    viewer = page.frame_locator("#viewer iframe")
    place = viewer.locator("#picture")
    for act in ("larger", "smaller", "fill", "whole"):
        before = place.get_attribute("style")
        viewer.get_by_role("button", name=act).click()
        assert place.get_attribute("style") != before, act
    before = place.get_attribute("style")
    page.keyboard.press("ArrowRight")
    assert place.get_attribute("style") != before


def test_a_job_is_found_again_after_a_reload_stops_and_its_settings_come_back(page, address):
    entry(page, "prompt").fill('a photo of a horse & "<b>words</b>"')
    page.locator("#paint-generate").click()
    until(page, "done")
    page.wait_for_selector("#pictures img")  # which moves the buttons below it
    (picture,) = address[1].glob("generate/*/a_photo_of_a_horse*.png")
    page.locator("#nine-generate").click()
    until(page, "step")
    page.reload()
    page.wait_for_selector("#paint-generate")
    until(page, "step")
    page.locator("#stop").click()
    until(page, "stopped")
    page.set_input_files("#dropped input[type=file]", str(picture))
    page.wait_for_function(HOLDS, arg="<b>words</b>")
    page.get_by_role("tab", name="History").click()
    page.locator("#history img").first.click()
    page.wait_for_function("document.querySelector('#settings')?.innerText.includes('a photo of')")


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_a_phone(address, dark):
    with opened(address[0], 390, 844, dark) as page:
        for application in synoptic.APPLICATIONS:
            choose(page, application)
            assert page.evaluate(OUTSIDE) == [], application

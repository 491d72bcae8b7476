"""A studio in a process of its own, and its page in Chromium."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
missing = [
    name for name, found in (("Chromium", CHROMIUM), ("playwright", importlib.util.find_spec("playwright"))) if not found
]
needs_browser = pytest.mark.skipif(bool(missing), reason=f"needs {' and '.join(missing)}")
WITNESS = """() => { window.seen = new Set(); setInterval(() => {
  const status = document.querySelector('#status'), preview = document.querySelector('#preview img');
  if (status && /step \\d+ of/.test(status.innerText)) window.seen.add('progress');
  if (preview && preview.src) window.seen.add(preview.src);
}, 50); }"""

_started: list[Any] = []  # playwright and its browser


@contextmanager
def studio(folder: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a studio whose pictures are in a folder, and its process."""
    command = [sys.executable, "-m", "synoptic", "studio", "--port", "0", "--out", str(folder), *words]
    environment = {"OMP_NUM_THREADS": "1"} | os.environ
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[0]
        while not answers(address):
            time.sleep(0.2)
        yield address, process
    finally:
        process.kill()
        process.wait(20)


def answers(address: str) -> bool:
    """Return whether a studio answers yet: it says its address a moment before."""
    try:
        return urllib.request.urlopen(f"{address}/robots.txt").status == 200
    except OSError:
        return False


@contextmanager
def opened(address: str, width: int = 1366, height: int = 900, dark: bool = False) -> Iterator[Any]:
    """The page of a studio in Chromium, whose visitor has not been there before."""
    page = chromium().new_page(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    page.set_default_timeout(30_000)
    page.goto(address)
    page.wait_for_selector("#paint-generate")
    page.evaluate(WITNESS)
    yield page
    page.close()


def chromium() -> Any:
    """Return the browser of all pages, which starts with the first of them."""
    if not _started:
        playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
        how = {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--enable-unsafe-swiftshader"]}
        _started.extend([playwright, playwright.chromium.launch(**how)])
    return _started[1]


def close_chromium() -> None:
    """End the browser, if it was started: as long as it is there, nothing else of this process can use asyncio."""
    if _started:
        playwright, browser = _started
        browser.close()
        playwright.stop()
        _started.clear()


def choose(page: Any, application: str) -> None:
    """Open a tab, from the menu of tabs where there is no room for it."""
    name = application.replace("_", " ")
    tab = page.get_by_role("tab", name=name, exact=True).locator("visible=true")
    page.wait_for_timeout(300)
    if tab.count():
        tab.first.click()
    else:
        page.get_by_label("More tabs").locator("visible=true").last.click()
        page.locator(f".overflow-dropdown button:text-is('{name}')").locator("visible=true").click()
    page.wait_for_selector(f"#paint-{application}", state="visible")


def unfold(page: Any) -> None:
    """Open every folded group of options."""
    folded = page.locator("button.label-wrap:not(.open)").locator("visible=true")
    for _ in range(folded.count()):
        folded.first.click()
    page.wait_for_timeout(300)


def entry(page: Any, label: str) -> Any:
    return page.get_by_label(re.compile(rf"^\s*{label}\b")).locator("visible=true").first


def until(page: Any, word: str, seconds: float = 300) -> None:
    """Wait for a word in the line of the status, looked for so seldom that it slows nothing down."""
    script = f"document.querySelector('#status')?.innerText.includes('{word}')"
    page.wait_for_function(script, timeout=1000 * seconds, polling=50)


def upload(page: Any, file: Path) -> None:
    """Put a file into the first upload of the tab that is open: the picture that is painted on, if there is one."""
    masked = page.locator("#masked").locator("visible=true")
    if masked.count():
        masked.locator("canvas").first.wait_for()
        page.wait_for_timeout(1000)
        masked.locator("input[type=file]").first.set_input_files(str(file))
        return
    page.locator("input[type=file]").locator("xpath=ancestor::*[@role='tabpanel'][1]").locator("visible=true").last.locator(
        "input[type=file]"
    ).first.set_input_files(str(file))


def until_edited(page: Any) -> Any:
    """Wait for the picture that a mask is painted on; return where it is painted."""
    place = page.locator(".image-container canvas").locator("visible=true").first
    place.wait_for()
    page.get_by_text("Upload an image").locator("visible=true").wait_for(state="hidden")
    page.wait_for_timeout(1000)
    return place


def drag(page: Any, place: Any, by: tuple[int, int]) -> None:
    """Move the pointer over an element with its button down."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0], y + by[1], steps=6)
    page.mouse.up()

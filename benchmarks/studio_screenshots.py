"""The pictures of docs/studio.md: a studio that paints, in Chromium.

PYTHONPATH=. python benchmarks/studio_screenshots.py [NAME …]

Needs playwright (`pip install playwright`) and Chromium; some ten minutes on two cores.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tests.studio.browser import entry, studio, unfold, until

playwright: Any = import_module("playwright.sync_api")
TO = Path("docs/pictures")
LAPTOP, PHONE = (1280, 860), (390, 844)
SECONDS = 3600.0  # that a job may take
SETTLED = 2500  # milliseconds until a page has come to rest


def painted(page: Any, application: str, example: str) -> None:
    """Paint an example, by its prompts."""
    page.get_by_role("tab", name=application, exact=True).click()
    page.get_by_role("button", name=example).click()
    finished(page)


def finished(page: Any) -> None:
    """Wait for the job that was asked for."""
    page.wait_for_selector("#stop", state="visible")
    until(page, "done", SECONDS)
    page.wait_for_timeout(SETTLED)


def generate(page: Any) -> None:
    """Nine seeds of one prompt."""
    entry(page, "prompt").fill("an oil painting of a fox")
    page.locator("#nine-generate").click()
    finished(page)


def larger(page: Any) -> None:
    """One of the nine, found again, painted larger."""
    generate(page)
    page.locator("#pictures button").nth(3).click()
    page.wait_for_timeout(SETTLED)
    page.locator("#larger-result").click()
    page.wait_for_selector("#paint-wide", state="visible")
    finished(page)


def wide(page: Any) -> None:
    painted(page, "wide", "an oil painting of a medieval town")


def anagram(page: Any) -> None:
    painted(page, "anagram", "a frog · a hamburger")
    page.frame_locator("#viewer iframe").get_by_role("button", name="upside down").click()


def control(page: Any) -> None:
    """A picture that is sent on from the one tab to the other."""
    painted(page, "generate", "a photo of an owl")
    page.locator("#onward-result").get_by_role("button", name="→ control").click()
    page.wait_for_selector("#maps-control img")
    entry(page, "prompt").fill("an oil painting of an owl")
    page.locator("#paint-control").click()
    finished(page)


def compare(page: Any) -> None:
    """The grid of compare-sync, one row per rule."""
    page.get_by_role("tab", name="compare sync", exact=True).click()
    unfold(page)
    for label, text in {"prompt": "a lion\na sunflower", "style": "a lithograph of", "steps": "20", "seed": "2"}.items():
        entry(page, label).fill(text)
    entry(page, "upscalers").fill("none")
    page.locator("#paint-compare_sync").click()
    finished(page)
    page.evaluate("scrollTo(0, 0)")


def panorama(page: Any) -> None:
    """Half the usual height, so that it takes minutes."""
    page.get_by_role("tab", name="panorama", exact=True).click()
    for label, text in {"prompt": "a photo of a coral reef", "height": "256", "steps": "16"}.items():
        entry(page, label).fill(text)
    page.locator("#paint-panorama").click()
    finished(page)


def phone(page: Any) -> None:
    painted(page, "wide", "a photo of the northern lights")
    page.evaluate("scrollTo(0, 0)")


def history(page: Any) -> None:
    page.get_by_role("tab", name="History").click()
    page.locator("#history img").nth(1).wait_for()
    page.wait_for_timeout(SETTLED)


SHOTS: dict[str, tuple[Callable[[Any], None], tuple[int, int], bool]] = {  # what is done, the size, whether in the dark
    "generate": (generate, LAPTOP, False),
    "wide": (wide, LAPTOP, False),
    "control": (control, LAPTOP, False),
    "phone": (phone, PHONE, False),
    "anagram": (anagram, LAPTOP, True),
    "panorama": (panorama, LAPTOP, False),
    "larger": (larger, LAPTOP, False),
    "compare": (compare, LAPTOP, False),
    "history": (history, LAPTOP, True),
}


def main(names: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (address, _), playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in names or SHOTS:
            act, (width, height), dark = SHOTS[name]
            how: dict[str, Any] = {
                "color_scheme": "dark" if dark else "light",
                "viewport": {"width": width, "height": height},
            }
            page = browser.new_page(**how)
            page.goto(address)
            page.wait_for_selector("#paint-generate")
            page.wait_for_timeout(SETTLED)
            act(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(SETTLED)
            Image.open(BytesIO(page.screenshot())).save(TO / f"studio-{name}.webp", quality=82, method=6)
            page.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])

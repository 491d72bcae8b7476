"""How long a person waits for the studio: for its page, for the first picture, for later ones, in Chromium.

PYTHONPATH=. python benchmarks/studio_startup.py [PICTURES]

Needs playwright (`pip install playwright`) and Chromium, and a machine that does nothing else: seconds are those of the
clock. Three starts; a line per figure. torch has one thread, unless OMP_NUM_THREADS says another number. The page is there
when its button Paint is; a picture, when it stands among the results.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.studio.browser import entry, studio, until

playwright: Any = import_module("playwright.sync_api")


def painted(page: Any, seed: int) -> float:
    """Paint a picture of a seed; return the seconds from the click until it is seen."""
    entry(page, "prompt").fill("a photo of an owl")
    entry(page, "seed").fill(str(seed))
    begin = time.monotonic()
    page.locator("#paint-generate").click()
    page.wait_for_selector("#stop", state="visible")
    until(page, "done")
    page.locator("#pictures img").first.wait_for()
    return time.monotonic() - begin


def started(browser: Any, pictures: int) -> tuple[float, float, list[float]]:
    """Start a studio; return the seconds until it answers and until its page is there, and those of each picture."""
    page = browser.new_page()
    page.set_default_timeout(120_000)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (address, _):
        answered = time.monotonic() - begin
        page.goto(address)
        page.locator("#paint-generate").wait_for()
        shown = time.monotonic() - begin
        return answered, shown, [painted(page, seed) for seed in range(pictures)]


def main(pictures: int) -> None:
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        *starts, (answered, shown, (first, *later)) = [started(browser, n) for n in (0, 0, 1 + pictures)]
        pages = [*(seconds for _, seconds, _ in starts), shown]
        answers = [*(seconds for seconds, _, _ in starts), answered]
        print(f"studio: the server answers after {min(answers):.1f} to {max(answers):.1f} s, of three starts")
        print(f"studio: the page is there after {min(pages):.1f} to {max(pages):.1f} s (asked: at most 8)")
        print(f"studio: the first picture {first:.1f} s after the click (asked: at most 20)")
        print(f"studio: later pictures {min(later):.1f} to {max(later):.1f} s after the click (asked: at most 4)")
        browser.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)

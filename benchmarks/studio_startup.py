"""How long a person waits for the studio: for its page, for the first picture, for later ones, in Chromium.

PYTHONPATH=. python -m benchmarks.studio_startup [STARTS [PICTURES]]

Needs playwright (`pip install playwright`) and Chromium, and a machine that does nothing else: seconds are those of the
clock. Three starts and four pictures after the first, where no other number is given; they go to
docs/benchmarks/studio-startup-cpu.json, from which `python -m benchmarks.figures` fills in docs/studio.md. torch has one
thread, unless OMP_NUM_THREADS says another number. The page is there when its button Paint is; a picture, when it stands
among the results.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.tables import BENCHMARKS
from tests.studio.browser import entry, studio, until

NAME = "studio-startup-cpu"
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


def main(starts: int = 3, pictures: int = 4) -> None:
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        measured = [started(browser, n) for n in (*[0] * (starts - 1), 1 + pictures)]
        browser.close()
    first, *later = measured[-1][2]
    found = {"answer": [one for one, _, _ in measured], "page": [one for _, one, _ in measured]}
    found |= {"first picture": [first], "later pictures": later}
    rounded = {name: [round(one, 1) for one in seconds] for name, seconds in found.items()}
    (BENCHMARKS / f"{NAME}.json").write_text(json.dumps(rounded, indent=1) + "\n")
    print(json.dumps(rounded), "asked: a page after 8 s, a first picture after 20, later ones after 4")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

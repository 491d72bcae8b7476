"""The pictures of the guides whose commands leave pages and sheets: runs, batch, evaluation.

PYTHONPATH=. python benchmarks/guide_pictures.py [runs|batch|evaluation …]

Needs playwright (`pip install playwright`) and Chromium; some two minutes of one core.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.tables import ROOT
from synoptic.courses.prompt_sets import OURS

playwright: Any = import_module("playwright.sync_api")
TO = ROOT / "docs" / "pictures"
MOST = 1100  # pixels of a sheet
SIZE = {"width": 1280, "height": 800}
JOBS = {"application": "generate", "prompt": "a photo of a horse", "model": "bundled"}
GRID = {"seed": "0..3", "guidance_scale": [3, 5]}
GRADED = ("a_photo_of_snowy_mountains_at_sunrise", "a_photo_of_desert_dunes_at_sunset", "a_photo_of_a_coral_reef")


def call(*words: str) -> None:
    """Run a program of ours in this folder, as a person types it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *words], check=True, env=environment)


def seen(page: Path) -> Image.Image:
    """Return what Chromium shows of a page."""
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE)
        tab.goto(page.absolute().as_uri())
        tab.wait_for_timeout(1500)
        picture = Image.open(BytesIO(tab.screenshot()))
        browser.close()
    return picture


def runs() -> Image.Image:
    """The sheet of a grid: its command is on the page."""
    call("-m", "synoptic", "generate", "a photo of a lemon", "--grid", "guidance-scale=3,5,7", "--grid", "seed=0..3")
    (sheet,) = Path("outputs").rglob("grid.png")
    picture = Image.open(sheet)
    picture.thumbnail((MOST, MOST))
    return picture


def batch() -> Image.Image:
    """The page of a batch of eight jobs, of which the file on the page has sixteen."""
    Path("jobs.jsonl").write_text(json.dumps(JOBS | {"grid": GRID}) + "\n")
    call("-m", "synoptic", "batch", "jobs.jsonl", "--workers", "1")
    return seen(Path("outputs/batch/index.html"))


def evaluation() -> Image.Image:
    """The report of three of our ten prompts."""
    every = json.loads(OURS["wide"].read_text())
    Path("three.json").write_text(json.dumps({name: every[name] for name in every if name in GRADED}))
    call("-m", "synoptic", "evaluate", "three.json", "--steps", "12")
    return seen(Path("outputs/report.html"))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "runs": runs,
    "batch": batch,
    "evaluation": evaluation,
}


def main(names: Sequence[str]) -> None:
    for name in names or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            PICTURES[name]().convert("RGB").save(TO / f"guide-{name}.webp", quality=84, method=6)
            os.chdir(ROOT)


if __name__ == "__main__":
    main(sys.argv[1:])

"""The pictures of the guides whose commands leave pages, sheets and folders: runs, batch, evaluation, courses.

PYTHONPATH=. python benchmarks/guide_pictures.py [runs|batch|evaluation|courses …]

Needs playwright (`pip install playwright`) and Chromium; some five minutes of one core.
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
from synoptic.io.grid import image_grid

playwright: Any = import_module("playwright.sync_api")
TO = ROOT / "docs" / "pictures"
MOST = 1100  # pixels of a sheet
SIZE = {"width": 1280, "height": 800}
JOBS = {"application": "generate", "prompt": "a photo of a horse", "model": "bundled"}
GRID = {"seed": "0..3", "guidance_scale": [3, 5]}
HORSE_AND_DOG = ("a photo of a horse", "a photo of a dog")
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
    axes = ("--grid", "guidance-scale=3,5,7", "--grid", "seed=0..3")
    call("-m", "synoptic", "generate", "a photo of a lemon", "--model", "bundled", *axes)
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


def resized(file: Path, width: int) -> Image.Image:
    """Return a picture at a width."""
    picture = Image.open(file)
    return picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)


def courses() -> Image.Image:
    """What the courses' first commands leave to score, each file under its name; those of the page, seed 1."""
    wide, turned = Path("outputs/wide_image"), Path("outputs/ambiguous_image")
    call(f"{ROOT}/main.py", "--app", "wide_image", "--prompt", "a photo of snowy mountains", "--tag", wide.name)
    call(f"{ROOT}/main.py", "--app", "ambiguous_image", "--prompts", *HORSE_AND_DOG, "--tag", turned.name)
    call(f"{ROOT}/main.py", "--prompt", "a photo of a horse", "--loss_type", "sds", "--guidance_scale", "25")
    whole = wide / "a_photo_of_snowy_mountains.png"
    crops = sorted(wide.glob("*_[0-9]*.png"), key=lambda path: int(path.stem.rpartition("_")[2]))
    squares = [turned / f"{prompt.replace(' ', '_')}.png" for prompt in HORSE_AND_DOG]
    squares.append(Path("outputs/a_photo_of_a_horse.png"))
    rows = (
        image_grid([resized(whole, 1120)], [str(whole)], 1, cell=1120),
        image_grid([resized(crop, 132) for crop in crops], [f"… {crop.stem.rpartition('_')[2]}.png" for crop in crops], 8),
        image_grid(
            [resized(square, 256) for square in squares],
            [str(file).replace("image/", "image/ ") for file in squares],
            3,
            cell=256,
        ),
    )
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    for k, row in enumerate(rows):
        sheet.paste(row, (0, sum(above.height for above in rows[:k])))
    return sheet


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "runs": runs,
    "batch": batch,
    "evaluation": evaluation,
    "courses": courses,
}


def main(names: Sequence[str]) -> None:
    for name in names or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            PICTURES[name]().convert("RGB").save(TO / f"guide-{name}.webp", quality=84, method=6)
            os.chdir(ROOT)


if __name__ == "__main__":
    main(sys.argv[1:])

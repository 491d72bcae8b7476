"""What a person reads at the end of a run: what is kept, what the numbers mean, what to open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import synoptic
from synoptic import io
from synoptic.metrics.scale import meaning
from synoptic.options import options_class
from synoptic.runs.closing import closing_lines
from synoptic.runs.manifest import Picture, Run

QUICK: dict[str, Any] = {"steps": 1, "dtype": "float32", "device": "cpu", "model": "bundled"}
HORSE = "a photo of a horse"


@pytest.mark.slow
def test_a_rerun_says_what_is_kept_and_how_to_get_others(tmp_path):
    first, again = (synoptic.run("generate", HORSE, count=2, seed=3, out=tmp_path, **QUICK) for _ in range(2))
    assert first.kept == 0 and not any("--seed" in line for line in closing_lines(first))
    assert again.kept == 2 and any("kept" in line and "--seed 5" in line for line in closing_lines(again))


@pytest.mark.slow
def test_a_sheet_shows_every_picture_and_is_what_to_open(tmp_path):
    run = synoptic.run("generate", HORSE, count=3, out=tmp_path, **QUICK)
    assert closing_lines(run)[-1] == f"open {tmp_path / 'contact_sheet.png'}"
    sheet = io.load_image(tmp_path / "contact_sheet.png")
    assert [tile(sheet, k) for k in range(3)] == [image.tobytes() for image in run.images]
    assert io.read_settings(tmp_path / "contact_sheet.png")["command"] == run.options.command()


def test_a_folder_s_name_moves_no_cursor(tmp_path):
    options = options_class("generate").from_arguments(HORSE, **QUICK).prepare()
    run = Run(options, tmp_path / "a\nb\x1b[2J", [Picture("c.png", HORSE, 0)])
    run.folder.mkdir()
    Image.new("RGB", (8, 8)).save(run.folder / "c.png")
    assert closing_lines(run)[-1].endswith("a\\nb\\x1b[2J/c.png")


@pytest.mark.slow
def test_before_stands_beside_after_and_the_map_between_them(tmp_path):
    given = Image.radial_gradient("L").resize((256, 256)).convert("RGB")
    given.save(tmp_path / "given.png")
    run = synoptic.run("control", tmp_path / "given.png", HORSE, condition="canny", out=tmp_path / "run", **QUICK)
    sheet = io.load_image(run.folder / "before_after.png")
    drawn = [given, io.load_image(run.folder / "canny.png"), *run.images]
    assert [tile(sheet, k) for k in range(3)] == [image.tobytes() for image in drawn]


def tile(sheet: Image.Image, k: int) -> bytes:
    """Return tile k of a sheet of one row: pictures of 256, under one line of words."""
    left = 8 + k * (256 + 8)
    return sheet.crop((left, sheet.height - 8 - 256, left + 256, sheet.height - 8)).tobytes()


@pytest.mark.parametrize("name", ["bundled clip", "bundled clip-grayscale"])
def test_the_scale_of_a_clip_is_the_one_that_was_measured(name):
    text = (Path(__file__).parents[2] / "docs/models.md").read_text()
    figure = {"bundled clip": "0.672", "bundled clip-grayscale": "0.641"}[name]
    assert figure in text and f"{float(figure):.2f}" in meaning("clip_score", name)
    assert meaning("nothing known", "openai/clip-vit-base-patch32") == ""

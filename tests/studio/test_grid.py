"""The grid of compare-sync: rows of rules, columns of seeds and prompts, each picture as its prompt is seen in it."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from synoptic.io import save_image
from synoptic.studio.grid import grid

RULES = ("instance-x0", "canonical-xt")


@pytest.fixture
def folder(tmp_path):
    """A finished run of two rules and two seeds, whose pictures are smooth noise."""
    random = np.random.default_rng(0)
    pictures = []
    for rule in RULES:
        for seed in (3, 4):
            small = Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8))
            (tmp_path / rule).mkdir(exist_ok=True)
            save_image(tmp_path / rule / f"x_{seed}.png", small.resize((64, 64), Image.Resampling.BICUBIC), {})
            pictures.append({"file": f"{rule}/x_{seed}.png", "prompt": "x", "seed": seed})
    options = {"prompt": ["a <b>", "a cat"], "views": ["identity", "rotate_180"], "style": "a photo of"}
    (tmp_path / "run.json").write_text(json.dumps({"application": "compare_sync", "options": options, "pictures": pictures}))
    (tmp_path / "compare_sync.tsv").write_text("space\tsync\talignment\tconcealment\ninstance\tx0\t0.125\t0.5\n")
    return tmp_path


def test_each_picture_is_seen_as_its_prompt_is(folder):
    page = grid(folder)
    assert "<b>" not in page and "alignment 0.125, concealment 0.5" in page
    assert re.findall(r'scope="row">([^<]*)', page) == ["instance x0", "canonical xt"]
    heads = re.findall(r'scope="col">([^<]*)', page)
    assert heads == ["rule", *(f"a photo of {p}, seed {s}" for s in (3, 4) for p in ("a &lt;b&gt;", "a cat"))]
    shown = [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"base64,([^\"]*)", page)]
    files = [folder / rule / f"x_{seed}.png" for rule in RULES for seed in (3, 4)]
    expected = [np.rot90(np.asarray(Image.open(file)), turn) for file in files for turn in (0, 2)]
    assert len(shown) == len(expected)
    for one, other in zip(shown, expected, strict=True):
        assert np.abs(np.asarray(one, float) - other).mean() < 4  # as a JPEG


def test_a_run_that_is_not_complete_has_no_grid(folder):
    (folder / "instance-x0" / "x_4.png").unlink()
    assert grid(folder) == ""

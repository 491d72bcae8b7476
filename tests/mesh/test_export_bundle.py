"""What is handed over: whole, partly where something is not installed, and with a clear line where there is nothing."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from synoptic.errors import install_command
from synoptic.mesh.export_bundle import ExportBundle, export_bundle
from synoptic.metrics.clip import Clip
from synoptic.nerf.background import SolidBackground
from synoptic.nerf.diagnostics import CAPTION_TEMPLATE
from synoptic.nerf.encoding import FrequencyEncoding
from synoptic.nerf.field import NeuralField
from synoptic.nerf.scene import RadianceScene
from tests.nerf.known import Known
from tests.nerf.mug import mug

pytestmark = pytest.mark.slow

THINGS = ("a blue mug", "a red chair", "a red mug", "a white snowman", "a red car", "a red house", "a yellow bus")
FEW: dict[str, Any] = {"frames": 6, "side": 32}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[ExportBundle, list[str]]:
    said: list[str] = []
    clips = [Clip("bundled", device="cpu"), Clip("bundled-grayscale", device="cpu")]
    among, folder = [CAPTION_TEMPLATE.format(thing) for thing in THINGS], tmp_path_factory.mktemp("mug")
    return export_bundle(mug(), folder, "a red mug", clip_models=clips, other_captions=among, log=said.append, **FEW), said


@pytest.mark.slow
def test_everything_is_there_and_open_to_others(made: tuple[ExportBundle, list[str]]):
    files = {file.name: file for file in made[0].files}
    films = {"turntable.mp4", "turntable.gif", "turntable.html"}
    assert set(files) == films | {f"mesh.{s}" for s in ("glb", "obj", "mtl", "png", "ply")} | {"report.json", "report.tsv"}
    assert all(file.stat().st_size for file in files.values())
    assert {file.name for file in files["report.json"].parent.iterdir()} == set(files)  # nothing half-written beside it
    with Image.open(files["turntable.gif"]) as gif:
        assert gif.size == (96, 32)
    assert "a red mug" in files["turntable.html"].read_text()


@pytest.mark.slow
def test_the_report_says_what_it_is_worth(made: tuple[ExportBundle, list[str]]):
    report = made[0].report
    assert json.loads(next(f for f in made[0].files if f.name == "report.json").read_text()) == report
    assert report["mesh"]["watertight"] and report["mesh"]["psnr"] > 20 and report["mesh"]["views"] == 20
    colour, shape = report["clip_models"].values()
    assert colour["ranks"] == [0] * 8 and colour["words"] == ["front", "side", "back", "side"] and colour["of"] == 7
    assert colour["score"] > 0.72 * 0.672 and shape["score"] > 0.705 * 0.641  # shares of what real renders score
    assert all(0.2 < share < 0.45 for share in report["sides"]["coverage"]) and min(report["sides"]["relief"]) > 0.1
    assert set(report["seconds"]) == {"sides", "clip_models", "turntable", "mesh"} and report["turntable"]["psnr"] > 28
    rows = dict(
        line.split("\t") for line in next(f for f in made[0].files if f.name == "report.tsv").read_text().splitlines()
    )
    assert rows["clip_models.bundled clip.ranks"] == "0 0 0 0 0 0 0 0" and rows["mesh.watertight"] == "True"


def test_every_part_is_told_with_its_seconds(made: tuple[ExportBundle, list[str]]):
    assert [line.split()[0] for line in made[1]] == ["shape", "score", "film", "mesh"]
    assert "watertight" in made[1][-1] and "8 of 8 sides" in made[1][1]


def test_what_is_not_installed_is_named_and_the_rest_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("synoptic.mesh.REQUIRED_PACKAGES", ("no_such_library",))
    monkeypatch.setattr(sys.modules["synoptic.io.video"], "find_spec", lambda name: None)  # io.video is a function too
    said: list[str] = []
    done = export_bundle(mug(), tmp_path, "a red mug", log=said.append, **FEW)
    assert {file.name for file in done.files} == {"turntable.gif", "turntable.html", "report.json", "report.tsv"}
    assert (
        install_command("video") in said[2]
        and install_command("mesh") in said[3]
        and install_command("mesh") in done.report["mesh"]["missing"]
    )
    assert said[1].endswith("no CLIP model was given")


def test_an_empty_field_ends_in_a_clear_line(tmp_path: Path):
    said: list[str] = []
    done = export_bundle(
        RadianceScene(Known(lambda x: torch.zeros(len(x))), SolidBackground()), tmp_path, "a mug", log=said.append, **FEW
    )
    assert "nothing solid is seen" in said[0] and "take more steps" in said[3]
    assert "take more steps" in done.report["mesh"]["missing"] and not any(f.suffix == ".glb" for f in done.files)


def test_a_broken_field_ends_in_a_clear_line(tmp_path: Path):
    scene, said = RadianceScene(NeuralField(FrequencyEncoding()), SolidBackground()), []
    torch.nn.init.constant_(next(scene.parameters()), math.nan)
    done = export_bundle(scene, tmp_path, "a mug", log=said.append, **FEW)
    assert len(said) == 1 and "numbers that are not finite" in said[0]
    assert [file.name for file in done.files] == ["report.json", "report.tsv"]
    assert json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail) == done.report

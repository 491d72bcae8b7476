"""`synoptic info`: what every kind of picture carries makes it again, and what a file says is never trusted."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

import synoptic
from synoptic import cli, io
from synoptic.errors import InputError

QUICK: dict[str, Any] = {"steps": 2, "dtype": "float32", "device": "cpu"}
HORSE = "a photo of a horse"


@pytest.fixture
def given(tmp_path):
    Image.radial_gradient("L").resize((128, 128)).convert("RGB").save(tmp_path / "given.png")
    return tmp_path / "given.png"


def run(command: str, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as e:
        cli.main()
    assert e.value.code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "values", "options", "names"),
    [
        (
            "generate",
            [HORSE],
            {"model": "bundled", "count": 2, "seed": 5},
            ["a_photo_of_a_horse_6.png", "contact_sheet.png"],
        ),
        ("control", ["{given}", HORSE], {"model": "bundled"}, ["a_photo_of_a_horse_1.png", "canny.png", "before_after.png"]),
        ("anagram", [HORSE, "a photo of a dog"], {}, ["*_0.png", "*_0.views.png"]),
        ("edit", ["{given}", HORSE], {"model": "bundled", "start": (0, 1)}, ["start-1/*_1.png", "edit.png"]),
        ("control_map", ["{given}"], {"kind": "scribble"}, ["map.png"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_made_again_to_the_bit(application, values, options, names, given, tmp_path, monkeypatch):
    values = [value.format(given=given) for value in values]
    first, second = tmp_path / "first", tmp_path / "second"
    if application == "control_map":
        first.mkdir()
        synoptic.control_map(*values, **options, out=first / "map.png")
    else:
        synoptic.run(application, *values, **options, out=first, **QUICK)
    files = [next(first.glob(name)) for name in names]
    command = synoptic.info(files[-1]).command
    run(f"{command} --out {second / 'map.png' if application == 'control_map' else second}", monkeypatch)
    for file in files:
        again = second / file.relative_to(first)
        assert io.load_image(again).tobytes() == io.load_image(file).tobytes(), file.name


@pytest.mark.slow
def test_it_says_whose_seed_a_picture_has(tmp_path):
    synoptic.run("generate", HORSE, model="bundled", count=2, seed=5, out=tmp_path, **QUICK)
    found = synoptic.info(tmp_path / "a_photo_of_a_horse_6.png")
    assert found.settings["seed"] == 6 and "--seed=5" in found.command and "6" in str(found)


@pytest.mark.parametrize("name", ["plain.png", "photo.jpg", "text.png"])
def test_a_file_without_settings_is_named(name, tmp_path):
    if name == "text.png":
        (tmp_path / name).write_text("no picture")
    else:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(InputError) as e:
        synoptic.info(tmp_path / name)
    assert e.value.rule == ("picture-type" if name == "text.png" else "picture-no-settings")


@pytest.mark.parametrize(
    "inside",
    [
        {"application": "os", "command": "rm -rf ~", "options": {"prompt": "x"}},
        {"application": "generate", "command": "rm -rf ~", "options": {"prompt": ["x\x1b[31m"], "steps": -1}},
        {"application": "../../evil", "options": ["rm"]},
        {"application": ["generate"], "options": {"prompt": {"a": 1}}},
    ],
)
def test_what_a_file_says_is_not_trusted(inside, tmp_path):
    io.save_image(tmp_path / "a.png", Image.new("RGB", (8, 8)), inside)
    found = synoptic.info(tmp_path / "a.png")
    assert found.command == "" and "rm -rf" not in str(found) and "\x1b" not in str(found)


RE_PARAM = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # infotext_utils.py of the web UI, 1.10


def parse(text: str) -> tuple[str, str, dict[str, str]]:
    """Return prompt, negative prompt and values as AUTOMATIC1111's `parse_generation_parameters` finds them."""
    *lines, last = text.strip().split("\n")
    assert len(RE_PARAM.findall(last)) >= 3
    prompt, negative, done = "", "", False
    for line in lines:
        if line.startswith("Negative prompt:"):
            done, line = True, line[16:].strip()
        if done:
            negative += ("" if negative == "" else "\n") + line
        else:
            prompt += ("" if prompt == "" else "\n") + line
    return prompt, negative, dict(RE_PARAM.findall(last))


@pytest.mark.parametrize("prompt", [HORSE, "a lake, at dawn: café", "two\nlines", "日本の山"])
def test_other_tools_read_it(prompt, tmp_path):
    inside = {
        "prompt": prompt,
        "seed": 7,
        "application": "edit",
        "options": {
            "steps": 9,
            "sampler": "dpm++",
            "guidance_scale": 4.5,
            "negative_prompt": "rain, fog",
            "model": "/a,b:c",
        },
    }
    io.save_image(tmp_path / "a.png", Image.new("RGB", (24, 16)), inside)
    with Image.open(tmp_path / "a.png") as image:
        text = image.text["parameters"]  # type: ignore[attr-defined]
        kept = PngImagePlugin.PngInfo()
        for name, value in image.text.items():  # type: ignore[attr-defined]
            kept.add_itxt(name, value)
        image.save(tmp_path / "b.png", pnginfo=kept)
    found, negative, values = parse(text)
    assert found == prompt and negative == "rain, fog"
    assert values["Steps"] == "9" and values["CFG scale"] == "4.5" and values["Seed"] == "7" and values["Size"] == "24x16"
    assert values["Sampler"] == "DPM++ 2M" and values["Model"] == '"/a,b:c"'
    assert io.read_settings(tmp_path / "b.png") == inside, "another program kept the text chunks"


def test_a_picture_of_another_program_shows_its_text(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20, Seed: 1, Size: 8x8")
    Image.new("RGB", (8, 8)).save(Path(tmp_path / "a.png"), pnginfo=info)
    found = synoptic.info(tmp_path / "a.png")
    assert "a cat" in str(found) and found.command == ""

"""What becomes of finished pictures: settings and files that come back, larger ones, what is sent on. Needs Chromium."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("trimesh")

import trimesh

from tests.drawings import disc
from tests.studio.browser import choose, drag, entry, needs_browser, opened, unfold, until, until_edited, upload

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_browser]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    disc(256).save(tmp_path / "disc.png")
    return tmp_path / "disc.png"


def manifests(folder: Path, application: str) -> list[dict[str, Any]]:
    """Return the manifests of an application's runs, in their order."""
    found = sorted(folder.glob(f"{application}/*/run.json"), key=lambda file: file.stat().st_mtime)
    return [json.loads(file.read_text()) | {"folder": file.parent} for file in found]


def paint(page: Any, folder: Path, application: str, steps: str) -> dict[str, Any]:
    """Paint what was entered, in so many steps; return the manifest."""
    before = len(manifests(folder, application))
    entry(page, "steps").fill(steps)
    page.locator(f"#paint-{application}").click()
    for _ in range(1200):
        found = manifests(folder, application)
        if len(found) > before and found[-1]["state"] == "done":
            until(page, "done")
            return found[-1]
        page.wait_for_timeout(100)
    raise AssertionError("it was not painted")


def picture(run: dict[str, Any]) -> str:
    return str(run["folder"] / run["pictures"][0]["file"])


def drop(page: Any, file: str) -> None:
    page.set_input_files("#dropped input[type=file]", file)


def place(page: Any, label: str) -> Any:
    """Return where a file is uploaded, or shown, by the beginning of its label."""
    return page.locator(".block", has=page.locator(f"label:text-matches('^\\\\s*{label}')")).locator("visible=true").last


@pytest.fixture
def files(file: Path, tmp_path: Path) -> dict[str, Path]:
    """The files of the options that are uploads: an equirectangular or plain depth map, a mesh, a picture."""
    Image.radial_gradient("L").save(tmp_path / "depth.png")
    trimesh.creation.box((1.0, 1.4, 0.8)).export(tmp_path / "box.glb")
    return {"image": file, "control": file, "depth": tmp_path / "depth.png", "mesh": tmp_path / "box.glb"}


@pytest.mark.parametrize(
    ("application", "uploads", "entered"),
    [
        ("wide", {"control": "Control:"}, {"width": "384"}),
        ("control", {"image": "The picture:", "depth": "Depth:"}, {"condition": "depth"}),
        ("texture", {"mesh": "The mesh:"}, {"num views": "2", "texture size": "64"}),
    ],
)
def test_a_file_comes_back_with_a_dropped_picture(application, uploads, entered, address, files):
    with opened(address[0]) as page:
        choose(page, application)
        unfold(page)
        for name, label in uploads.items():
            place(page, label).locator("input[type=file]").set_input_files(str(files[name]))
        for label, text in {"prompt": "a yellow house", **entered}.items():
            entry(page, label).fill(text)
            if label == "condition":
                page.keyboard.press("Enter")
        first = paint(page, address[1], application, "2")
    with opened(address[0]) as page:
        drop(page, picture(first))
        page.wait_for_selector(f"#paint-{application}", state="visible")
        unfold(page)
        for label in uploads.values():
            place(page, label).locator("img, .file-preview").first.wait_for()
        again = paint(page, address[1], application, "3")
    for name in uploads:
        assert again["options"][f"{name}_sha256"] == first["options"][f"{name}_sha256"]


def test_a_mask_and_its_picture_come_back_with_a_dropped_picture(address, file):
    with opened(address[0]) as page:
        choose(page, "inpaint")
        upload(page, file)
        entry(page, "prompt").fill("a yellow house")
        drag(page, until_edited(page), (40, 30))
        first = paint(page, address[1], "inpaint", "2")
    with opened(address[0]) as page:
        drop(page, picture(first))
        page.locator("#applications .image-frame img").locator("visible=true").wait_for()
        until_edited(page)
        again = paint(page, address[1], "inpaint", "3")
        drag(page, until_edited(page), (-60, -50))
        more = paint(page, address[1], "inpaint", "4")
    given = [(run["options"]["image_sha256"], run["options"]["mask_sha256"]) for run in (first, again)]
    assert again["options"]["steps"] == 3 and given[0] == given[1]
    before, after = (np.asarray(Image.open(run["options"]["mask"]).convert("L")) for run in (again, more))
    assert (after >= before).all() and 0 < (before > 0).mean() < (after > 0).mean() < 0.5


def test_a_picture_comes_back_from_the_history_and_what_is_gone_is_said(address, file):
    with opened(address[0]) as page:
        choose(page, "edit")
        upload(page, file)
        entry(page, "prompt").fill("a yellow house")
        first = paint(page, address[1], "edit", "2")
        page.reload()
        page.wait_for_selector("#paint-generate")
        page.get_by_role("tab", name="History").click()
        page.locator("#history img").first.click()
        page.locator("#restore").click()
        page.wait_for_selector("#paint-edit", state="visible")
        page.locator("#applications .image-frame img").locator("visible=true").wait_for()
        again = paint(page, address[1], "edit", "3")
        assert again["options"]["image_sha256"] == first["options"]["image_sha256"]
        Path(again["options"]["image"]).unlink()
        drop(page, picture(first))
        page.wait_for_function("document.querySelector('#said')?.innerText.includes('but for image')")


def test_one_of_nine_is_painted_larger_and_sent_on_from_the_history(address):
    with opened(address[0]) as page:
        entry(page, "prompt").fill("a photo of a fox")
        entry(page, "steps").fill("2")
        page.locator("#nine-generate").click()
        page.locator("#pictures img").nth(8).wait_for(timeout=300_000)
        page.locator("#pictures button").nth(4).click()
        page.wait_for_timeout(1500)
        page.locator("#larger-result").click()
        found: list[dict[str, Any]] = []
        for _ in range(1200):
            found = manifests(address[1], "generate")
            if len(found) == 2 and found[-1]["state"] == "done":
                break
            page.wait_for_timeout(250)
        small, large = found
        assert large["options"]["seed"] == small["pictures"][4]["seed"]
        assert (small["options"]["upscalers"], large["options"]["upscalers"]) == (["none"], ["bundled-if-ii"])
        page.get_by_role("tab", name="History").click()
        page.locator("#history img").first.click()
        page.locator("#onward-past").get_by_role("button", name="→ edit").click()
        page.wait_for_selector("#paint-edit", state="visible")
        page.locator("#applications .image-frame img").locator("visible=true").wait_for()

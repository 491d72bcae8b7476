import base64
import io
import re
import zipfile

import pytest
import torch
from PIL import Image

from synoptic.courses.records import Record, read_records, sheet, table, write_record
from synoptic.courses.report import THUMB, verdict, write_report
from synoptic.courses.submission import hand_in
from synoptic.metrics.base import Metric

PROMPTS = ["a <b>bold</b> horse", "말 & a castle"]


def record(out, folder="sds", marks=False, side=32, wide=False):
    """A graded folder with pictures of noise, and what an evaluation notes of it."""
    (out / folder).mkdir(parents=True)
    pictures = {p: [f"{folder}/{i}_{k}.png" for k in range(2)] for i, p in enumerate(PROMPTS)}
    for i, path in enumerate(path for paths in pictures.values() for path in paths):
        x = torch.rand(side, side, 3, generator=torch.Generator().manual_seed(i))
        Image.fromarray((x * 255).byte().numpy()).save(out / path)
    whole = {}
    if wide:
        (out / "wide_panoramas").mkdir()
        Image.new("RGB", (6 * side, side), "green").save(out / "wide_panoramas/all.png")
        whole = {PROMPTS[0]: ["wide_panoramas/all.png"]}
    (out / folder / "eval.json").write_text("{}")
    measures = [Metric("CLIP score", {PROMPTS[0]: 0.2, PROMPTS[1]: 0.36}), Metric("PSNR", {PROMPTS[0]: float("inf")})]
    found = Record(
        folder=folder,
        set="mine.json",
        kind="plain",
        clip_model="some CLIP",
        marks=marks,
        score=0.28,
        whole=whole,
        measures=[m.as_json() for m in measures],
        pictures=pictures,
        missing=["lost.png"],
        made={"wide_panoramas": {"command": "synoptic wide x", "options": {}, "model": {"name": "bundled"}}},
        options={"steps": 2},
        command=f"synoptic evaluate {folder}",
        versions={"torch": "2"},
    )
    write_record(out, found)
    return found


def test_the_table_has_a_row_a_prompt_and_the_mean_with_its_standard_error(tmp_path):
    header, first, second, mean = table(record(tmp_path))
    assert header == ["CLIP score", "PSNR", "pictures", "prompt"]
    assert first == ["0.200", "∞", "2", PROMPTS[0]] and second == ["0.360", "", "2", PROMPTS[1]]
    assert mean == ["0.280 ± 0.080", "∞", "4", "mean of 2 prompts"]


@pytest.mark.parametrize(
    ("score", "marks"), [(0.28, "full marks"), (0.279, "half marks"), (0.26, "half"), (0.259, "no marks")]
)
def test_the_courses_marks(score, marks):
    assert verdict(score, True).startswith(marks)
    assert verdict(score, False) == ""


def test_the_page_holds_every_picture_and_what_made_it(tmp_path):
    found = record(tmp_path, wide=True)
    page = write_report(tmp_path)[0].read_text()
    inside = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    files = ["wide_panoramas/all.png", *(path for paths in found.pictures.values() for path in paths)]
    assert inside == [(tmp_path / path).read_bytes() for path in files]
    assert "http" not in page and "<b>" not in page and "&lt;b&gt;bold&lt;/b&gt;" in page and "말 &amp; a castle" in page
    for text in (
        "some CLIP",
        "lost.png",
        "synoptic evaluate sds",
        "synoptic wide x",
        "0.280 ± 0.080",
        "&quot;steps&quot;: 2",
    ):
        assert text in page


def test_large_pictures_are_made_small_for_the_page(tmp_path):
    record(tmp_path, side=2 * THUMB)
    (data, *_) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', write_report(tmp_path)[0].read_text())
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (THUMB, THUMB)


def test_pass_marks_are_printed_for_the_courses_judge_only(tmp_path):
    record(tmp_path / "other")
    record(tmp_path / "theirs", marks=True)
    other, theirs = (write_report(tmp_path / name)[0].read_text() for name in ("other", "theirs"))
    assert "marks" not in other and "0.26" not in other
    assert "full marks (full marks from 0.28, half marks from 0.26)" in theirs


def test_the_pdf_is_one_and_holds_the_pictures(tmp_path):
    record(tmp_path, wide=True)
    data = write_report(tmp_path)[1].read_bytes()
    assert data.startswith(b"%PDF") and data.rstrip().endswith(b"%%EOF")
    assert data.count(b"/Subtype /Image") == 5


def test_one_report_over_all_folders(tmp_path):
    for folder in ("sds", "vsd"):
        record(tmp_path, folder)
    assert [r.folder for r in read_records(tmp_path)] == ["sds", "vsd"]
    page = write_report(tmp_path)[0].read_text()
    assert "<h2>sds</h2>" in page and "<h2>vsd</h2>" in page


def test_the_contact_sheet_shows_the_pictures(tmp_path):
    found = record(tmp_path)
    page = sheet(tmp_path, found, 32)
    colours = {page.getpixel((x, y)) for x in range(page.width) for y in range(page.height)}
    with Image.open(tmp_path / "sds/1_1.png") as image:
        pixels = [image.getpixel((x, 16)) for x in range(32)]
    assert set(pixels) <= colours and (tmp_path / "report/sds.png").exists()


def test_the_zip_is_laid_out_as_the_courses_want(tmp_path):
    out, code = tmp_path / "code/outputs", tmp_path / "code"
    record(out, "sds")
    record(out, "wide_images", wide=True)
    for name in ("main.py", "guidance/sd.py", ".git/config", "__pycache__/a.pyc", "guidance/b.pyc"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(name)
    (out / "wide_images/extra.txt").write_text("not asked for")
    with zipfile.ZipFile(hand_in(out, "KIM_20240001", code)) as z:
        names = set(z.namelist())
        assert z.read("KIM_20240001.pdf").startswith(b"%PDF")
        assert z.read("commands.txt").decode().split("\n")[:2] == ["synoptic wide x", "synoptic evaluate sds"]
        assert b'"clip_model": "some CLIP"' in z.read("settings.json")
        assert z.read("code/guidance/sd.py") == b"guidance/sd.py"
    crops = [f"{i}_{k}.png" for i in range(2) for k in range(2)]
    assert names == {
        *("KIM_20240001.pdf", "commands.txt", "settings.json", "code/main.py", "code/guidance/sd.py"),
        *("outputs/sds/eval.json", "wide_images/eval.json", "wide_images/a_<b>bold<_b>_horse.png"),
        *(f"outputs/sds/{name}" for name in crops),
        *(f"wide_images/{name}" for name in crops),
    }

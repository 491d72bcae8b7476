"""Whatever a person types, through everything that writes it down: pages, tables, zips, settings inside pictures."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import synoptic
from synoptic import InputError
from synoptic.commands.score import Scores
from synoptic.io import read_settings, save_image
from synoptic.io.html import IndexEntry, gallery, index_page, viewer_page
from synoptic.options import options_class
from tests.reliability.hostile import TEXTS

HOSTILE = [
    *(text for text in TEXTS if text.strip() and "\0" not in text and text.isprintable() | ("\n" in text)),
    '"><img src=x onerror=alert(1)>',
    "<!--<script>",
    "</script><script>alert(1)</script>",
    "]]>",
    "$title ${steps} %s {0}",
    "\x1b[2J\x1b[31m",
    "javascript:alert(1)",
    "&lt;b&gt; &amp; &#0;",
    "=HYPERLINK(1)",
]
DOT = Image.new("RGB", (8, 8))


class Page(HTMLParser):
    """Every element with its attributes, and the text between."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]


def same_elements(page: Page, plain: Page) -> bool:
    """Return whether two pages have the same elements with the same attributes, whatever these say."""
    return [(tag, list(attrs)) for tag, attrs in page.elements] == [(tag, list(attrs)) for tag, attrs in plain.elements]


@pytest.mark.parametrize("text", HOSTILE)
def test_pages_show_a_text_and_run_none_of_it(text):
    def pages(text: str) -> list[str]:
        entry = IndexEntry(text, text, text, text, [f"{text}.png"], [f"{text}/run.json"])
        curves = {text: [(0.0, 1.0), (1.0, 2.0)]}
        return [index_page([entry]), gallery([DOT], [text]), viewer_page(text, [([DOT], [text])], curves=curves)]

    for page, plain in zip(pages(text), pages("word"), strict=True):
        found = Page(page)
        assert same_elements(found, Page(plain))
        assert not [name for _, attrs in found.elements for name in attrs if name.startswith("on")]
        targets = [value or "" for _, attrs in found.elements for name, value in attrs.items() if name in ("href", "src")]
        assert all(target.startswith(("./", "data:image/")) for target in targets)
    rows = re.search(r"const steps = (.*);\n", pages(text)[2])
    assert rows is not None and json.loads(rows[1])[0][0] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_has_as_many_rows_and_columns_as_it_says(text):
    lines = str(Scores("some CLIP", [(f"{text}.png", text, 0.5)] * 3)).splitlines()
    assert [line.count("\t") for line in lines[:5]] == [2] * 5 and "\x1b" not in "".join(lines)


def test_settings_inside_a_picture_come_back_as_they_went_in(tmp_path):
    for k, text in enumerate(HOSTILE):
        settings = {"prompt": text, "seed": k, "application": "generate", "options": {"steps": 2, "negative_prompt": text}}
        save_image(tmp_path / "a.png", DOT, settings)
        assert read_settings(tmp_path / "a.png") == settings


def test_file_names_are_distinct_short_and_stay_in_their_folder():
    options = options_class("generate").from_arguments(HOSTILE, model="bundled-if").prepare()
    names = [item.stem for item in options.items()]
    assert len({name.casefold() for name in names}) == len(HOSTILE)
    for name in names:
        assert Path(name).name == name and len(name.encode()) < 200 and not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
        assert name.split(".")[0].upper() not in ("CON", "NUL", "PRN", "AUX") and not name.startswith(".")


@pytest.mark.slow
def test_a_run_of_hostile_prompts_stays_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prompts = [text for text in HOSTILE if len(text) < 200]
    run = synoptic.run("generate", prompts, steps=1, model="bundled-if", upscalers="none")
    files = {file for file in tmp_path.rglob("*") if file.is_file()}
    assert all(file.parent == run.folder.resolve() or file.name == "index.html" for file in files)
    assert [read_settings(run.folder / p.file)["prompt"] for p in run.pictures] == [p.prompt for p in run.pictures]
    assert len({p.file.casefold() for p in run.pictures}) == len(prompts)
    manifest = json.loads((run.folder / "run.json").read_text())
    assert [p["prompt"] for p in manifest["pictures"]] == [p.prompt for p in run.pictures]
    assert set(Page((tmp_path / "outputs" / "index.html").read_text()).tags()) == {
        *("html", "head", "meta", "title", "style", "body", "h1", "article", "h2", "p", "a", "img", "code")
    }


def test_a_folder_that_cannot_be_written_is_refused_before_anything_loads():
    for place in ("/proc/outputs", "/dev/null/outputs", "/sys/outputs"):
        with pytest.raises(InputError) as e:
            synoptic.run("generate", "a lake", out=place)
        assert e.value.rule.startswith("out")
